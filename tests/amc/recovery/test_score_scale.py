"""The factor that class scores are multiplied by, so that their probabilities are nearest to the original's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.pruning.slicing import compact, make_selection
from amc.recovery.asymmetric import Asymmetric
from amc.recovery.output_distance import SCORES, VALUES
from amc.recovery.score_scale import MOST_ROWS, MOST_SCALE, ScoreLayer, best_scale, scores_of, sure_scale
from tests.oracles import randomise

ROUGHLY = 1e-6
"""The nats of rounding, and of what is too little to be gained."""
FACTORS = np.geomspace(1 / MOST_SCALE, MOST_SCALE, 101)


def divergence(scores: Tensor, originals: Tensor) -> float:
    """The mean Kullback-Leibler divergence, by its definition."""
    wanted, found = originals.double().softmax(1), scores.double().softmax(1)
    return float((wanted * (wanted / found).log()).sum(1).mean())


@given(seed=st.integers(0, 2**16), size=st.floats(0.05, 8), noise=st.floats(0, 2))
def test_no_other_factor_is_better(seed: int, size: float, noise: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    originals = 2 * torch.randn(60, 7, generator=generator)
    scores = size * (originals + noise * torch.randn(60, 7, generator=generator))
    least = min(divergence(float(factor) * scores, originals) for factor in FACTORS)
    assert divergence(best_scale(scores, originals) * scores, originals) <= least + ROUGHLY


def test_few_images_move_scores_less_and_many_as_far_as_is_best() -> None:
    generator = torch.Generator().manual_seed(0)
    originals = 2 * torch.randn(4000, 7, generator=generator)
    noisy = originals + torch.randn(4000, 7, generator=generator)
    right = best_scale(noisy, originals)
    noisy *= right  # so that of all rows the best factor is 1
    tens = list(zip(noisy.split(10), originals.split(10), strict=True))
    sure, best = (np.log([scale(*each) for each in tens]) for scale in (sure_scale, best_scale))
    assert (sure * best >= 0).all()
    assert (np.abs(sure) <= np.abs(best)).all()
    assert np.square(sure).mean() < 0.7 * np.square(best).mean()  # where leaving them alone is right
    assert sure_scale(noisy / 1.5, originals) == pytest.approx(1.5, rel=0.01)


@pytest.mark.parametrize(
    "scores",
    [
        torch.tensor([[90.0, 0.0, -90.0], [-90.0, 0.0, 90.0]]),
        torch.tensor([[1.0, 2.0, -torch.inf]]),
        torch.tensor([[torch.nan, 2.0, 1.0]]),
        torch.zeros(3, 4),
    ],
    ids=["sure", "impossible class", "not a number", "all alike"],
)
def test_scores_that_nothing_is_gained_by_are_left_as_they_are(scores: Tensor) -> None:
    assert best_scale(scores, scores) == sure_scale(scores, scores) == 1


def test_pixels_of_all_columns_count_alike() -> None:
    """Of 64 images of 128 x 128 pixels, of which a border is wrong, every 256th pixel lies in one of two columns."""
    originals = torch.randn(64, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    scores = originals / 1.6
    scores[..., 0] = scores[..., 64] = 0.0
    (found,), (wanted,) = (scores_of([ScoreLayer(0, ())], each, 0) for each in (scores, originals))
    assert len(found) == MOST_ROWS
    assert best_scale(found, wanted) == pytest.approx(1.6, rel=0.02)


def test_images_that_are_held_out_are_looked_at_alone() -> None:
    originals = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    scores = torch.cat([originals[:40], originals[40:] / 1.3])
    (found,), (wanted,) = (scores_of([ScoreLayer(0, ())], (each, each.mean()), 10) for each in (scores, originals))
    assert best_scale(found, wanted) == pytest.approx(1.3, rel=1e-3)


class Heads(nn.Module):
    """A shared trunk, with a score head that something else reads, and one that nothing does."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.read, self.free, self.box = nn.Linear(16, 4), nn.Linear(16, 6), nn.Linear(20, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.trunk(x)
        scores = self.read(features)
        return scores, self.free(features), self.box(torch.cat([features, scores], dim=1))


def test_scores_that_nothing_else_reads_are_scaled_and_keep_their_order() -> None:
    torch.manual_seed(0)
    model = Heads()
    randomise(model)
    with torch.no_grad():
        model.free.weight.mul_(6)  # so that it is sure of its classes
    x = torch.randn(200, 3, 6, 6)
    graph = analyse(model, x[:2])
    mask = np.arange(graph.unit_count) % 4 == 0

    def recovered(*kinds: str) -> list[Tensor]:
        network = compact(model, make_selection(graph, model, mask)).eval()
        Asymmetric(model, graph, [x], seed=0, output_kinds=kinds).refit(network, mask)
        with torch.no_grad():
            return list(network(x))

    with torch.no_grad():
        _, original, _ = model(x)
    before, after = recovered(VALUES, VALUES, VALUES), recovered(SCORES, SCORES, VALUES)
    factor = after[1] / before[1]
    assert float(factor.std()) < 1e-3
    assert abs(float(factor.mean()) - 1) > 0.05
    assert divergence(after[1], original) < divergence(before[1], original)
    assert torch.equal(after[1].argmax(1), before[1].argmax(1))
    for left, was in zip(after[::2], before[::2], strict=True):
        torch.testing.assert_close(left, was)


class Detector(nn.Module):
    """Returns the scores and boxes of the places whose first score is above 0, which are as many as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.scores, self.boxes = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.trunk(x).relu()
        rows = torch.cat([self.scores(features), self.boxes(features)], dim=1).flatten(2).transpose(1, 2)
        return rows[rows[:, :, 0] > 0]


def test_a_network_that_is_compared_by_its_heads_is_left_as_it_is() -> None:
    torch.manual_seed(0)
    model = Detector().eval()
    x = torch.randn(40, 3, 6, 6)
    graph = analyse(model, x[:2])
    assert graph.heads == ("scores", "boxes")
    mask = np.arange(graph.unit_count) % 2 == 0
    networks = [compact(model, make_selection(graph, model, mask)).eval() for _ in range(2)]
    for network, kinds in zip(networks, [(SCORES, VALUES), (VALUES, VALUES)], strict=True):
        Asymmetric(model, graph, [x], seed=0, output_kinds=kinds).refit(network, mask)
    scaled, plain = (network.get_parameter("scores.weight") for network in networks)
    assert torch.equal(scaled, plain)
