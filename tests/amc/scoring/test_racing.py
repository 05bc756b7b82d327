import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from amc.scoring.racing import ERROR, FEWEST, PANEL, TO_THE_END, Answers, Race, RaceReference, Score, choose_panel

IMAGES = 2000


def chances(rng: np.random.Generator) -> NDArray[np.float64]:
    """How readily networks answer each image right: most are easy, some hard, some are up to chance."""
    return rng.choice([0.99, 0.05, 0.5], IMAGES, p=[0.7, 0.1, 0.2])


def with_right(answers: Answers, right: int, rng: np.random.Generator) -> Answers:
    """The answers with so many changed at random that `right` are right."""
    answers = answers.copy()
    gap = right - int(answers.sum())
    answers[rng.choice(np.flatnonzero(answers == (gap < 0)), abs(gap), replace=False)] = gap > 0
    return answers


def field(rng: np.random.Generator, gap: int, seed: int) -> tuple[RaceReference, Answers]:
    """A reference among networks alike, and a candidate with `gap` right answers fewer than its reference."""
    likely = chances(rng)
    panel = [rng.random(IMAGES) < likely for _ in range(12)]
    candidate = with_right(rng.random(IMAGES) < likely, int(panel[0].sum()) - gap, rng)
    return RaceReference.from_panel(panel, seed), candidate


def run(race_reference: RaceReference, candidate: Answers, slice_size: int = 100) -> Race:
    race = Race(race_reference)
    for start in range(0, IMAGES, slice_size):
        if race.add(candidate[race_reference.order[start : start + slice_size]]):
            break
    return race


@pytest.mark.parametrize("misled", [False, True])
def test_what_is_not_worse_is_hardly_ever_given_up(misled: bool) -> None:
    """Even where a panel says nothing of the candidate, or the contrary: it is chosen before the order is drawn."""
    rng = np.random.default_rng(0)
    likely = chances(rng)
    panel = [rng.random(IMAGES) < likely for _ in range(12)]
    candidate = with_right(rng.random(IMAGES) < (1 - likely if misled else likely), int(panel[0].sum()), rng)
    given_up = [
        run(RaceReference.from_panel(panel, seed), candidate, slice_size=40).seen < IMAGES for seed in range(400)
    ]
    assert sum(given_up) <= 400 * ERROR + 3 * np.sqrt(400 * ERROR)


def test_what_is_much_worse_is_given_up_early() -> None:
    rng = np.random.default_rng(0)
    seen = [run(*field(rng, 200, seed)).seen for seed in range(50)]
    assert np.mean(seen) < IMAGES / 8
    close = [run(*field(rng, 40, seed)).seen for seed in range(50)]
    assert 2 * np.mean(seen) < np.mean(close) < IMAGES / 2


@settings(derandomize=True, deadline=None)
@given(seed=st.integers(0, 10_000), gap=st.integers(-80, 250), size=st.integers(1, 500))
def test_the_estimate_is_below_the_reference_and_exact_at_the_end(seed: int, gap: int, size: int) -> None:
    race_reference, candidate = field(np.random.default_rng(seed), gap, seed)
    race = run(race_reference, candidate, size)
    if race.seen < IMAGES:
        assert race.seen < TO_THE_END * IMAGES
        assert race.estimate < race_reference.right / IMAGES
    else:
        assert race.estimate == candidate.mean()


def test_estimates_are_right_on_average() -> None:
    """Over the orders that may be drawn, whatever the panel said."""
    rng = np.random.default_rng(0)
    panel = [rng.random(IMAGES) < chances(rng) for _ in range(12)]
    candidate = rng.random(IMAGES) < 0.6
    estimates = []
    for seed in range(400):
        race_reference = RaceReference.from_panel(panel, seed)
        race = Race(race_reference)
        race.add(candidate[race_reference.order[:200]])
        estimates.append(race.estimate)
    assert abs(np.mean(estimates) - candidate.mean()) < 4 * np.std(estimates) / np.sqrt(len(estimates))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("everywhere", [True, False])
def test_a_panel_may_be_right_or_wrong_everywhere(everywhere: bool) -> None:
    panel = [np.full(IMAGES, everywhere)] * 8
    right = np.arange(IMAGES) % 5 > 0
    race = run(RaceReference.from_panel(panel, seed=0), right)
    assert (race.seen < IMAGES) == everywhere
    assert run(RaceReference.from_panel(panel, seed=0), panel[0]).estimate == everywhere


def test_images_on_which_the_panel_disagrees_come_first() -> None:
    rng = np.random.default_rng(0)
    race_reference, _ = field(rng, 0, 0)
    torn = np.abs(race_reference.chances - 0.5) < 0.25
    first, last = np.split(race_reference.order, 4)[::3]
    assert torn[first].mean() > 4 * torn[last].mean()
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
