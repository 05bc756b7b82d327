from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.scoring.mean_iou import MeanIoU
from amc.utils.errors import UserError

Masks = list[list[list[int]]]


def batches(predicted: Tensor, masks: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    return list(zip(predicted.split(size), masks.split(size), strict=True))


def by_hand(predicted: Masks, masks: Masks, classes: int) -> float:
    """Set by set, over all pixels of all images."""
    pairs = [
        (p, t) for one, other in zip(predicted, masks, strict=True) for a, b in zip(one, other, strict=True)
        for p, t in zip(a, b, strict=True) if t != 255
    ]  # fmt: skip
    found = []
    for each in range(classes):
        both = sum(p == t == each for p, t in pairs)
        either = sum(each in (p, t) for p, t in pairs)
        if either:
            found.append(both / either)
    return sum(found) / len(found)


class Scores(nn.Module):
    """Gives the highest score to the class that it reads, under a name or not."""

    def __init__(self, classes: int, named: bool = False) -> None:
        super().__init__()
        self.classes, self.named = classes, named

    def forward(self, classes: Tensor) -> Any:
        scores = nn.functional.one_hot(classes, self.classes).permute(0, 3, 1, 2) * 2.0 - 1
        return {"aux": classes, "out": scores} if self.named else scores


@given(st.data(), st.integers(2, 4), st.integers(1, 4), st.booleans())
def test_it_is_the_mean_overlap_of_the_classes_that_occur(
    data: st.DataObject, classes: int, images: int, named: bool
) -> None:
    numbers = st.lists(st.integers(0, classes - 1), min_size=12 * images, max_size=12 * images)
    predicted, masks = (torch.tensor(data.draw(numbers)).reshape(images, 3, 4) for _ in range(2))
    masks[0, 0, 0] = 255
    found = MeanIoU()(Scores(classes, named), batches(predicted, masks, 2))
    assert found == pytest.approx(by_hand(predicted.tolist(), masks.tolist(), classes))


def test_a_single_channel_has_two_classes() -> None:
    masks = torch.tensor([[[0, 1], [1, 1]]])
    scores = torch.tensor([[[[-3.0, 2.0], [0.5, -1.0]]]])
    assert MeanIoU()(nn.Identity(), [(scores, masks)]) == pytest.approx((1 / 2 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("scores", "masks", "message"),
    [
        (torch.zeros(1, 3, 2, 2), torch.zeros(1), "miou needs a mask of class numbers for each image"),
        (torch.zeros(1, 3, 2, 2), torch.zeros(1, 4, 4, dtype=torch.int64), r"scores \(n, classes, 4, 4\)"),
        (torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), 3), "expected class numbers from 0 to 2.*got 3"),
        (torch.zeros(1, 3, 2, 2), torch.tensor([[[1, -1], [0, 2]]]), "or 255 in masks, got -1"),
        (torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), 255), "miou needs pixels of a class"),
        (torch.zeros(1, 7), torch.zeros(1, 2, 2, dtype=torch.int64), r"got \(1, 7\)"),
    ],
)
def test_what_does_not_fit_is_one_line(scores: Tensor, masks: Tensor, message: str) -> None:
    with pytest.raises(UserError, match=message):
        MeanIoU()(nn.Identity(), [(scores, masks)])
