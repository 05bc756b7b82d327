"""Answers of networks that return what is no number."""

import math

import pytest
import torch
from torch import Tensor, nn

from amc.scoring.answer_key import AnswerKey
from amc.scoring.image_losses import IMAGE_LOSSES
from amc.scoring.metrics import find_metric
from amc.scoring.scored_by import ScoredBy
from amc.utils.errors import UserError

BATCHES = [(torch.eye(3), torch.arange(3)), (torch.eye(3), torch.arange(3))]


class Scaled(nn.Module):
    """Scores that are a multiple of the inputs; those of the first class, where it is not one, are `first`."""

    def __init__(self, factor: float, first: float = 0.0) -> None:
        super().__init__()
        self.factor, self.first = factor, first

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x[:, :1] > 0, self.factor * x, self.first + self.factor * x)


def key(score: str, original: nn.Module) -> AnswerKey:
    return AnswerKey(ScoredBy(find_metric("top1"), score, original), BATCHES)


@pytest.mark.parametrize("score", IMAGE_LOSSES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_network_that_returns_no_numbers_is_worse_than_any_that_does(score: str, bad: float) -> None:
    against = key(score, Scaled(5.0))
    worst = against.scored(Scaled(-5.0), BATCHES)
    found = against.scored(Scaled(5.0, bad), BATCHES)
    assert found.answers is not None
    assert all(map(math.isfinite, (found.value, found.metric, *found.answers.losses)))
    assert found.value < worst.value or score == "accuracy"


def test_an_original_that_returns_no_numbers_is_a_line() -> None:
    with pytest.raises(UserError, match="returns NaN or infinity for 4 of 6 reward images"):
        key("fidelity", Scaled(5.0, math.nan))
    assert key("loss", Scaled(5.0, math.nan)).scored(Scaled(5.0), BATCHES).value > 0.9


@pytest.mark.parametrize("score", IMAGE_LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int32])
def test_classes_may_be_whole_numbers_of_any_type(score: str, dtype: torch.dtype) -> None:
    against = key(score, Scaled(5.0))
    batches = [(inputs, targets.to(dtype)) for inputs, targets in BATCHES]
    assert against.scored(Scaled(2.0), batches).value == against.scored(Scaled(2.0), BATCHES).value
