"""Average precision against worked examples, and the definition for one box of each image."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.scoring.mean_ap import MeanAveragePrecision
from amc.utils.errors import UserError

pytest.importorskip("pycocotools")
Boxes = list[dict[str, Tensor]]


class Answers(nn.Module):
    """Returns what it is given."""

    def forward(self, *given: Any) -> Any:
        return list(given)


def boxes(*rows: list[float]) -> dict[str, Tensor]:
    """What is in an image: left, top, right, bottom and class of each box, and the score of what is found."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(len(rows), -1 if rows else 6)
    found = {"boxes": table[:, :4], "labels": table[:, 4].long()}
    return found | ({"scores": table[:, 5]} if table.shape[1] > 5 else {})


def score(found: Boxes, wanted: Boxes, size: int = 2) -> float:
    batches = [(tuple(found[at : at + size]), wanted[at : at + size]) for at in range(0, len(found), size)]
    return MeanAveragePrecision()(Answers(), batches)


ONE = boxes([0, 0, 10, 10, 1])


def test_it_is_the_share_of_thresholds_that_the_overlap_reaches() -> None:
    """The overlap is 0.72: so are 5 of the thresholds 0.5, 0.55, ..., 0.95."""
    assert score([boxes([0, 0, 9, 8, 1, 0.9])], [ONE]) == pytest.approx(0.5)


def test_all_right_is_one_and_classes_count_alike() -> None:
    wanted = [boxes([0, 0, 10, 10, 1], [20, 20, 40, 30, 2]), ONE, boxes()]
    found = [boxes([20, 20, 40, 30, 2, 0.4], [0, 0, 10, 10, 1, 0.9]), boxes([0, 0, 10, 10, 1, 0.2]), boxes()]
    assert score(found, wanted) == pytest.approx(1)
    found[0] = boxes([0, 0, 10, 10, 1, 0.9])  # class 2 is never found
    assert score(found, wanted) == pytest.approx(0.5)


def test_nothing_found_is_zero_and_nothing_to_find_is_a_mistake() -> None:
    assert score([boxes()], [ONE]) == 0
    with pytest.raises(UserError, match="map needs objects to find, and no image has one"):
        score([boxes([0, 0, 9, 9, 1, 0.9])], [boxes()])


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_with_one_box_for_each_image_it_is_the_area_under_precision(right: list[bool]) -> None:
    """Interpolated at recalls of 0, 0.01, ..., 1; boxes are right exactly or not at all."""
    count = len(right)
    found = [boxes([0 if each else 50, 0, 10 if each else 60, 10, 1, 1 - at / 10]) for at, each in enumerate(right)]
    hits = [sum(right[: at + 1]) for at in range(count)]
    precisions = [hit / (at + 1) for at, hit in enumerate(hits)]
    total = 0.0
    for recall in torch.linspace(0, 1, 101, dtype=torch.float64).tolist():
        reached = [precisions[at] for at in range(count) if hits[at] / count >= recall - 1e-9]
        total += max(reached, default=0.0) / 101
    assert score(found, [ONE] * count) == pytest.approx(total)


@pytest.mark.parametrize(
    ("found", "wanted", "message"),
    [
        ([torch.zeros(2)], [ONE], "map needs a dictionary of boxes, scores, labels for each image.*got Tensor"),
        ([ONE], [ONE], "got a dictionary of boxes, labels"),
        (
            [boxes([0, 0, 9, 9, 1, 0.9])],
            [torch.tensor(3)],
            "map needs a dictionary of boxes, labels.*give data as coco:",
        ),
    ],
)
def test_what_is_in_another_form_is_one_line(found: Any, wanted: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        score(found, wanted)
