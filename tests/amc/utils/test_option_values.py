from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from amc.utils.option_values import as_whole, check_types
from amc.utils.seeds import check_seed


@dataclass(frozen=True)
class Options:
    count: int | None = 3
    share: float = 0.5
    word: str = "auto"
    given: str | torch.device = "cpu"

    def __post_init__(self) -> None:
        check_types(self)


def test_numbers_of_numpy_and_floats_without_a_fraction_become_those_of_python() -> None:
    made: list[Any] = [Options(count=np.int64(3)), Options(count=3.0)]  # type: ignore[arg-type]
    assert [(each.count, type(each.count)) for each in made] == [(3, int)] * 2
    assert type(Options(share=np.float32(0.25)).share) is float  # type: ignore[arg-type]
    seed = check_seed(np.int64(3))
    torch.manual_seed(seed)
    assert type(seed) is int


def test_what_may_be_left_out_may_be_none() -> None:
    assert Options(count=None, given=torch.device("cpu")).count is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 2.5}, "expected count as a whole number, got 2.5"),
        ({"count": "auto"}, "expected count as a whole number, got 'auto'"),
        ({"count": True}, "expected count as a whole number, got True"),
        ({"count": float("inf")}, "expected count as a whole number, got inf"),
        ({"share": None}, "expected share as a number, got None"),
        ({"share": "0.5"}, "expected share as a number, got '0.5'"),
        ({"word": None}, "expected word as text, got None"),
    ],
)
def test_values_of_another_type_are_told_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Options(**given)


@pytest.mark.parametrize("name", ["round_to", "reward_images", "max_sparsity", "score"])
def test_the_options_of_a_task_are_checked(name: str) -> None:
    wrong: Any = {name: [1]}
    with pytest.raises(UserError, match=f"expected {name} as"):
        TaskOptions(**wrong)


@pytest.mark.parametrize("value", [1.5, "a", None])
def test_a_seed_is_a_whole_number(value: object) -> None:
    with pytest.raises(UserError, match="expected seed as a whole number"):
        check_seed(value)
    with pytest.raises(UserError, match="expected episodes as a whole number"):
        as_whole("episodes", value)
