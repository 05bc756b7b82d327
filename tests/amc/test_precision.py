import pytest
import torch

from amc.errors import UserError
from amc.precision import PRECISIONS, find_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_asks_the_processor(monkeypatch: pytest.MonkeyPatch, native: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert find_precision("auto", CPU) == expected


def test_what_is_asked_for_is_taken() -> None:
    assert [find_precision(name, CPU) for name in PRECISIONS] == list(PRECISIONS)


def test_an_unknown_one_is_one_line() -> None:
    with pytest.raises(UserError, match="unknown precision 'bfloat'; did you mean bfloat16"):
        find_precision("bfloat", CPU)
