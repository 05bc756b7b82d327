import math
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.scoring import evaluation
from amc.scoring.evaluation import evaluate
from amc.utils.errors import UserError


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "TIMED_SECONDS", 0.0)


def images(right: int, count: int) -> ResidentImages:
    """Images of one pixel in five channels, in the first of which the network sees the class right."""
    targets = torch.arange(count) % 5
    seen = torch.where(torch.arange(count) < right, targets, (targets + 1) % 5)
    return ResidentImages(torch.eye(5)[seen].reshape(count, 5, 1, 1), targets)


REWARD, TEST = images(30, 40), images(18, 20)
SPLITS = Splits(REWARD, REWARD, REWARD, TEST, None, False)


def network() -> nn.Module:
    layer = nn.Conv2d(5, 5, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(5).reshape(5, 5, 1, 1))
        layer.bias.zero_()  # type: ignore[union-attr]
    return nn.Sequential(layer, nn.Flatten())


def test_score_costs_and_times() -> None:
    model = network().train()
    found = evaluate(model, SPLITS, device="cpu")
    assert (found.score, found.images, found.metric) == (0.9, 20, "top1")
    assert (found.costs["macs"], found.costs["params"]) == (25, 30)
    assert set(found.milliseconds) == {1, 20}
    assert all(0 < each < 1000 and math.isfinite(each) for each in found.milliseconds.values())
    assert model.training
    assert repr(found).startswith("<Evaluation of Sequential: top1 90.00 % on 20 test images, 25 MACs, ")
    assert "top1 on 20 test images" in str(found)
    assert "<td" in found._repr_html_()


def test_validation_images_and_a_metric_of_ones_own() -> None:
    def total(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
        return sum(float(model(inputs).sum()) for inputs, _ in batches)

    found = evaluate(network(), SPLITS, total, "reward", device="cpu")
    assert found.score == evaluate(network(), SPLITS, total, "val", device="cpu").score == 40.0
    assert found.tables[0].rows[0] == (f"{found.metric} on 40 reward (validation) images", "40.0000")


def test_what_answers_at_random_is_told() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(5, 5, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = 0 * self.layer(x).flatten(1) + torch.arange(5)
            return out

    assert "This is near chance, which is 20.00 % here." in str(evaluate(Constant(), SPLITS, device="cpu"))


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="unknown split 'dev'; there are reward, test"):
        evaluate(network(), SPLITS, split="dev")
    with pytest.raises(
        UserError, match=r"give data=amc.load_data\('imagefolder:a', image_size=..., mean=..., std=...\)"
    ):
        evaluate(network(), Path("a"))
    with pytest.raises(UserError, match="unknown metric 'top2'"):
        evaluate(network(), SPLITS, "top2", device="cpu")
    with pytest.raises(UserError, match="the network fails on an input of shape"):
        evaluate(nn.Conv2d(3, 4, 1), SPLITS, device="cpu")
