"""Races between networks, on answers that are right or wrong and on losses that have no upper bound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from amc.scoring.racing import ERROR, FEWEST, PANEL, TO_THE_END, Race, RaceReference, choose_panel
from amc.scoring.score import Answers, Score

IMAGES = 2000
Losses = NDArray[np.float32]
Draw = Callable[[np.random.Generator, NDArray[np.float64]], Losses]
"""Draws the losses of a network, given how hard each image is."""


def hardness(rng: np.random.Generator) -> NDArray[np.float64]:
    """How much networks lose on each image: most are easy, some hard, some are up to chance."""
    return rng.choice([0.01, 0.95, 0.5], IMAGES, p=[0.7, 0.1, 0.2])


def wrong(rng: np.random.Generator, hard: NDArray[np.float64]) -> Losses:
    """Losses of 1 where an answer is wrong."""
    return (rng.random(IMAGES) < hard).astype(np.float32)


def divergence(rng: np.random.Generator, hard: NDArray[np.float64]) -> Losses:
    """Losses with a heavy tail, as divergences have: a few are a hundred times the median."""
    return (hard * rng.lognormal(-1.0, 1.4, IMAGES)).astype(np.float32)


LOSSES = pytest.mark.parametrize("draw", [wrong, divergence])


def answers(losses: Losses) -> Answers:
    return Answers(losses < 0.5, losses)


def with_sum(losses: Losses, wanted: float, rng: np.random.Generator) -> Losses:
    """The losses changed so that they sum up to `wanted`: some answers flipped, or all losses scaled."""
    losses = losses.copy()
    if set(np.unique(losses)) <= {0.0, 1.0}:
        gap = round(wanted - losses.sum())
        losses[rng.choice(np.flatnonzero(losses == (gap < 0)), abs(gap), replace=False)] = gap > 0
        return losses
    return losses * np.float32(wanted / losses.sum())


def field(rng: np.random.Generator, draw: Draw, share: float, seed: int) -> tuple[RaceReference, Answers]:
    """A reference among networks alike, and a candidate that loses `share` of all images more than it."""
    hard = hardness(rng)
    panel = [draw(rng, hard) for _ in range(12)]
    candidate = with_sum(draw(rng, hard), panel[0].sum() + share * IMAGES, rng)
    return RaceReference.from_panel([answers(each) for each in panel], seed), answers(candidate)


def part(found: Answers, places: NDArray[np.int64]) -> Answers:
    return Answers(found.right[places], found.losses[places])


def run(race_reference: RaceReference, candidate: Answers, slice_size: int = 100) -> Race:
    race = Race(race_reference)
    for start in range(0, IMAGES, slice_size):
        if race.add(part(candidate, race_reference.order[start : start + slice_size])):
            break
    return race


@LOSSES
@pytest.mark.parametrize("misled", [False, True])
def test_what_is_not_worse_is_hardly_ever_given_up(misled: bool, draw: Draw) -> None:
    """Even where a panel says nothing of the candidate, or the contrary: it is chosen before the order is drawn."""
    rng = np.random.default_rng(0)
    hard = hardness(rng)
    panel = [draw(rng, hard) for _ in range(12)]
    candidate = answers(with_sum(draw(rng, 1 - hard if misled else hard), float(panel[0].sum()), rng))
    known = [answers(each) for each in panel]
    given_up = [
        run(RaceReference.from_panel(known, seed), candidate, slice_size=40).seen < IMAGES for seed in range(400)
    ]
    assert sum(given_up) <= 400 * ERROR + 3 * np.sqrt(400 * ERROR)


@LOSSES
def test_what_is_much_worse_is_given_up_early(draw: Draw) -> None:
    rng = np.random.default_rng(0)
    seen = [run(*field(rng, draw, 0.1, seed)).seen for seed in range(50)]
    assert np.mean(seen) < IMAGES / 4
    close = [run(*field(rng, draw, 0.02, seed)).seen for seed in range(50)]
    assert 1.5 * np.mean(seen) < np.mean(close) < 0.9 * IMAGES


@LOSSES
@settings(derandomize=True, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(-0.03, 0.12), size=st.integers(1, 500))
def test_the_estimate_is_above_the_reference_and_exact_at_the_end(
    seed: int, share: float, size: int, draw: Draw
) -> None:
    race_reference, candidate = field(np.random.default_rng(seed), draw, share, seed)
    race = run(race_reference, candidate, size)
    if race.seen < IMAGES:
        assert race.seen < TO_THE_END * IMAGES
        assert race.mean_loss > race_reference.lost / IMAGES
    else:
        assert race.mean_loss == pytest.approx(candidate.losses.mean(dtype=np.float64))
        assert race.accuracy == candidate.right.mean()


@LOSSES
def test_estimates_are_right_on_average(draw: Draw) -> None:
    """Over the orders that may be drawn, whatever the panel said."""
    rng = np.random.default_rng(0)
    panel = [answers(draw(rng, hardness(rng))) for _ in range(12)]
    candidate = answers(draw(rng, np.full(IMAGES, 0.4)))
    losses, accuracies = [], []
    for seed in range(400):
        race_reference = RaceReference.from_panel(panel, seed)
        race = Race(race_reference)
        race.add(part(candidate, race_reference.order[:200]))
        losses.append(race.mean_loss)
        accuracies.append(race.accuracy)
    for estimates, truth in ((losses, candidate.losses.mean()), (accuracies, candidate.right.mean())):
        assert abs(np.mean(estimates) - truth) < 4 * np.std(estimates) / np.sqrt(len(estimates))


@pytest.mark.parametrize("panel", [0.0, 1.0])
def test_an_estimate_of_an_accuracy_is_one(panel: float) -> None:
    """Even where the candidate differs from the panel on an image on which the panel agreed, which counts for many."""
    expected, deviations = np.full(IMAGES, panel), np.ones(IMAGES)
    deviations[0] = 0.0
    race = Race(RaceReference(0.0, 1 - expected, expected, deviations, np.arange(IMAGES)))
    race.add(Answers(np.array([panel == 0]), np.array([panel], dtype=np.float32)))
    assert race.accuracy == 1 - panel


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("everywhere", [True, False])
def test_a_panel_may_be_right_or_wrong_everywhere(everywhere: bool) -> None:
    panel = [answers(np.full(IMAGES, 1.0 - everywhere, dtype=np.float32))] * 8
    candidate = answers((np.arange(IMAGES) % 5 == 0).astype(np.float32))
    assert (run(RaceReference.from_panel(panel, seed=0), candidate).seen < IMAGES) == everywhere
    assert run(RaceReference.from_panel(panel, seed=0), panel[0]).accuracy == everywhere


@LOSSES
def test_images_on_which_the_panel_disagrees_come_first(draw: Draw) -> None:
    rng = np.random.default_rng(0)
    race_reference, _ = field(rng, draw, 0.0, 0)
    torn = race_reference.deviations > np.quantile(race_reference.deviations, 0.8)
    first, last = np.split(race_reference.order, 4)[::3]
    assert torn[first].mean() > 2 * torn[last].mean()
    assert sorted(race_reference.order) == list(range(IMAGES))


def test_the_panel_is_near_the_percentile_and_scored_to_the_end() -> None:
    scores = [Score(value / 100, share=1.0 if value % 2 else 0.3) for value in range(100)]
    panel = choose_panel(scores, 8)
    wanted = 0.95 * 95  # of the 96 known ones
    assert panel[0] == min(range(1, 96, 2), key=lambda value: abs(value - wanted))
    assert len(panel) == PANEL
    assert all(index % 2 for index in panel)
    assert panel == sorted(panel, key=lambda value: abs(value - wanted))
    assert choose_panel(scores[: 2 * FEWEST - 1], 1) == []
    assert len(choose_panel(scores[: 2 * FEWEST], 1)) == FEWEST
