from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from agents.report.strategies.cell import Reached
from agents.report.strategies.seed_means import mean_curve, seed_mean
from tests.made_up_cells import reached


def test_one_seed_has_no_interval() -> None:
    assert seed_mean([0.7]) == (0.7, None)


def test_the_interval_of_differences_is_that_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.8, 0.01, 10), rng.normal(0.79, 0.01, 10)
    low, high = ttest_rel(one, other).confidence_interval(0.95)
    value, half = seed_mean((one - other).tolist())
    assert half is not None
    assert (value - half, value + half) == pytest.approx((low, high))


def test_the_interval_covers_the_mean_that_values_are_drawn_around() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for values in rng.normal(0.5, 0.1, (400, 5)):
        value, half = seed_mean(values.tolist())
        assert half is not None
        covered += abs(value - 0.5) < half
    assert 0.92 < covered / 400 < 0.98


def test_a_mean_begins_where_all_seeds_have_a_policy() -> None:
    curve = mean_curve([reached((1, 5, 0.2), (4, 9, 0.6)), reached((3, 1, 0.4))], lambda point: point.evaluations)
    assert curve.at.tolist() == [3, 4]
    assert curve.mean == pytest.approx([0.3, 0.5])
    assert mean_curve([reached((1, 5, 0.2))], lambda point: point.seconds).half.tolist() == [0]


searches = st.lists(
    st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), min_size=1, max_size=6, unique_by=lambda each: each[0]),
    min_size=1,
    max_size=4,
)


@given(searches)
def test_the_mean_at_each_point_is_that_of_the_last_scores(seeds: list[list[tuple[int, float]]]) -> None:
    points = [[Reached(at, float(at), score) for at, score in sorted(seed)] for seed in seeds]
    curve = mean_curve(points, lambda point: point.seconds)
    assert all(one < other for one, other in pairwise(curve.at))
    for at, mean in zip(curve.at, curve.mean, strict=True):
        last = [[point.score for point in seed if point.seconds <= at][-1] for seed in points]
        assert mean == pytest.approx(sum(last) / len(last))
