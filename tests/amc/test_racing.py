import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.racing import ERROR, FEWEST, Answers, Race, Score, reference_of

IMAGES = 2000


def answers(rng: np.random.Generator, gap: int, disagree: int = 300) -> tuple[Answers, Answers]:
    """A reference, and a candidate with `gap` right answers fewer; they differ on at least `disagree` images."""
    reference = np.arange(IMAGES) < 1600
    candidate = reference.copy()
    candidate[rng.choice(1600, disagree // 2 + max(gap, 0), replace=False)] = False
    candidate[1600 + rng.choice(400, disagree // 2 + max(-gap, 0), replace=False)] = True
    assert reference.sum() - candidate.sum() == gap
    order = rng.permutation(IMAGES)
    return reference[order], candidate[order]


def run(reference: Answers, candidate: Answers, slice_size: int = 100) -> Race:
    race = Race(reference)
    for start in range(0, IMAGES, slice_size):
        if race.add(candidate[start : start + slice_size]):
            break
    return race


def test_what_is_not_worse_is_hardly_ever_given_up() -> None:
    rng = np.random.default_rng(0)
    given_up = [run(*answers(rng, 0), slice_size=20).seen < IMAGES for _ in range(600)]
    assert sum(given_up) <= 600 * ERROR + 3 * np.sqrt(600 * ERROR)


def test_what_is_much_worse_is_given_up_early() -> None:
    rng = np.random.default_rng(0)
    seen = [run(*answers(rng, 200)).seen for _ in range(50)]
    assert np.mean(seen) < IMAGES / 5
    close = [run(*answers(rng, 40)).seen for _ in range(50)]
    assert np.mean(close) > 2 * np.mean(seen)


@settings(derandomize=True, deadline=None)
@given(seed=st.integers(0, 10_000), gap=st.integers(-80, 250), size=st.integers(1, 500))
def test_the_estimate_is_below_the_reference_and_exact_at_the_end(seed: int, gap: int, size: int) -> None:
    reference, candidate = answers(np.random.default_rng(seed), gap)
    race = run(reference, candidate, size)
    if race.seen < IMAGES:
        assert race.estimate < reference.mean()
    else:
        assert race.estimate == pytest.approx(candidate.mean())


def test_the_reference_is_near_the_percentile_and_scored_to_the_end() -> None:
    scores = [Score(value / 100, share=1.0 if value % 2 else 0.3) for value in range(100)]
    assert reference_of(scores, 8) == 91  # of the 96 known ones, 95 % are below 0.9025
    assert reference_of(scores[: 2 * FEWEST - 1], 1) is None
