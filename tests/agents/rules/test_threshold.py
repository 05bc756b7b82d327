import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.rules.threshold import comparable, global_threshold
from amc.cost.budget import Budgets
from envs import PruningProblem
from tests.problems import Problem, chain, fits, problems

many = settings(max_examples=60, derandomize=True, deadline=None)


def nearest(choices: tuple[int, ...], count: int) -> int:
    """Of equally near ones the smaller."""
    return min((abs(choice - count), choice) for choice in choices)[1]


@many
@given(problem=problems(groups=3, width=12), seed=st.integers(0, 999))
def test_it_keeps_at_least_what_the_lowest_threshold_that_fits_keeps(problem: Problem, seed: int) -> None:
    """The best threshold found by trying all, with distinct importances."""
    graph, limits = problem
    rng = np.random.default_rng(seed)
    importance = rng.permutation(graph.unit_count) + rng.random(graph.unit_count) / 2
    found = global_threshold(PruningProblem(Budgets(graph, limits), lambda _: 0.5, importance=importance))
    values = [importance[group.slice] for group in graph.groups]
    values = [each / (sum(each) / len(each)) for each in values]
    best = graph.least
    for threshold in sorted(np.concatenate(values)):
        above = [int(sum(each >= threshold)) for each in values]
        kept_counts = np.array(
            [nearest(group.choices, count) for group, count in zip(graph.groups, above, strict=True)]
        )
        if fits(graph, limits, kept_counts):
            best = kept_counts
            break
    assert (found >= best).all()


def test_a_group_of_equal_channels_and_one_of_few_that_matter() -> None:
    graph = chain((40, 40), residual=False, round_to=1, max_sparsity=0.9)
    importance = np.r_[np.ones(40), np.ones(10), np.full(30, 1e-3)]
    problem = PruningProblem(Budgets(graph, ["params=0.2"]), lambda _: 0.5, importance=importance)
    found = global_threshold(problem)
    assert found[1] == 10
    assert found[0] >= 15


def test_what_is_compared_does_not_depend_on_the_scale_of_a_group() -> None:
    graph = chain((40, 24), residual=False, round_to=None, max_sparsity=0.8)
    importance = np.random.default_rng(0).random(64)
    scaled = importance * np.repeat([1000.0, 0.001], [40, 24])
    np.testing.assert_allclose(comparable(graph, scaled), comparable(graph, importance))
    assert not comparable(graph, np.zeros(64)).any()
