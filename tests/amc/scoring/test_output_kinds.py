from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from amc.recovery.output_distance import float_tensors
from amc.scoring.output_kinds import find_kinds, named_outputs
from amc.utils.errors import UserError

LOGITS, BOXES, COUNT = torch.zeros(2, 5), torch.zeros(2, 4, 3), torch.zeros(2).long()
Pair = namedtuple("Pair", ["logits", "boxes"])


@dataclass
class Found:
    logits: torch.Tensor
    boxes: list[torch.Tensor]


torch.export.register_dataclass(Found)


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (LOGITS, ["output"]),
        ((LOGITS, COUNT, BOXES), ["0", "2"]),
        ({"logits": LOGITS, "heads": [BOXES, COUNT, BOXES]}, ["logits", "heads.0", "heads.2"]),
        (OrderedDict(logits=LOGITS, aux=(BOXES,)), ["logits", "aux.0"]),
        (Pair(LOGITS, BOXES), ["logits", "boxes"]),
        (Found(LOGITS, [BOXES, COUNT]), ["logits", "boxes.0"]),
        (SimpleNamespace(logits=LOGITS, aux={"boxes": BOXES}), ["logits", "aux.boxes"]),
    ],
)
def test_outputs_have_names_in_the_order_in_which_they_are_compared(outputs: Any, names: list[str]) -> None:
    found = named_outputs(outputs)
    assert list(found) == names
    assert all(one is other for one, other in zip(found.values(), float_tensors(outputs), strict=True))


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        (None, ("values", "values")),
        ("scores", ("scores", "scores")),
        ("logits=scores", ("scores", "values")),
        ("boxes=values, logits=scores", ("scores", "values")),
        ("scores,boxes=values", ("scores", "values")),
    ],
)
def test_kinds_are_for_all_or_by_name(asked: str | None, kinds: tuple[str, ...]) -> None:
    assert find_kinds(asked, {"logits": LOGITS, "boxes": BOXES}) == kinds
    assert find_kinds("boxes=values", {"logits": LOGITS, "boxes": BOXES}, "scores") == ("scores", "values")


@pytest.mark.parametrize("asked", ["probabilities", "box=values", "logits=score", "", "logits:scores"])
def test_other_words_are_refused_with_all_outputs(asked: str) -> None:
    with pytest.raises(UserError) as caught:
        find_kinds(asked, {"logits": LOGITS, "boxes": BOXES})
    assert str(caught.value) == (
        "expected output_kind as scores or values for all outputs, or NAME=KIND for each with commas between them, got"
        f" {asked!r}; the network returns logits (n, 5), boxes (n, 4, 3)"
    )


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 1, 4)])
def test_scores_have_classes(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"scores have classes in their second dimension, .* give output_kind='values'"):
        find_kinds("scores", torch.zeros(shape))


def test_whole_numbers_are_not_compared() -> None:
    with pytest.raises(UserError, match="returns no tensor of floating-point numbers"):
        find_kinds(None, {"classes": COUNT})
