"""What a budget leaves feasible, against enumeration on small networks."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.cost.budget import Budgets
from amc.graph import KeptCounts, PruningGraph
from tests.problems import Problem, chain, fits, larger, problems

many = settings(max_examples=100, derandomize=True, deadline=None)


@many
@given(problems(), st.data())
def test_the_interval_is_the_one_defined(problem: Problem, data: st.DataObject) -> None:
    graph, texts = problem
    budgets = Budgets(graph, texts)
    index = data.draw(st.integers(0, len(graph.groups) - 1))
    decided: list[int] = []
    for _ in range(index):
        low, high = budgets.interval(decided)
        choices = graph.groups[len(decided)].choices
        decided.append(data.draw(st.sampled_from([choice for choice in choices if low <= choice <= high])))

    def with_later(count: int, later: KeptCounts) -> KeptCounts:
        return np.array([*decided, count, *later[index + 1 :]])

    choices = graph.groups[index].choices
    largest = max(each for each in choices if fits(graph, texts, with_later(each, graph.least)))
    smallest = max((each for each in choices if fits(graph, texts, with_later(each, graph.full))), default=choices[0])
    assert budgets.interval(decided) == (smallest, largest)


@many
@given(problems(), st.lists(st.integers(0, 10_000), min_size=1, max_size=3))
def test_the_intervals_of_whole_policies_are_those_of_each_step(problem: Problem, seeds: list[int]) -> None:
    graph, texts = problem
    budgets = Budgets(graph, texts)
    shares = [np.random.default_rng(seed).uniform(0.1, 1.0, len(graph.groups)) for seed in seeds]
    kept_counts = np.stack([budgets.scale(each) for each in shares])
    intervals = budgets.intervals(kept_counts)
    assert intervals.shape == (*kept_counts.shape, 2)
    for policy, found in zip(kept_counts.tolist(), intervals.tolist(), strict=True):
        assert found == [list(budgets.interval(policy[:index])) for index in range(len(policy))]


def policies(graph: PruningGraph) -> Iterator[KeptCounts]:
    for kept_counts in np.ndindex(*[len(group.choices) for group in graph.groups]):
        yield np.array([group.choices[place] for group, place in zip(graph.groups, kept_counts, strict=True)])


@settings(max_examples=30, derandomize=True, deadline=None)
@given(problems(groups=3, width=9))
def test_every_policy_that_fills_the_budget_can_be_reached(problem: Problem) -> None:
    graph, texts = problem
    budgets = Budgets(graph, texts)
    filling = 0
    for kept_counts in policies(graph):
        bigger = [larger(graph, kept_counts, index) for index in range(len(kept_counts))]
        if fits(graph, texts, kept_counts) and not any(
            more is not None and fits(graph, texts, more) for more in bigger
        ):
            filling += 1
            for index in range(len(kept_counts)):
                low, high = budgets.interval(kept_counts[:index].tolist())
                assert low <= kept_counts[index] <= high
    assert filling  # there is always one


@many
@given(problems(), st.floats(0.0, 1.0), st.data())
def test_the_nearest_feasible_count_is_taken(problem: Problem, sparsity: float, data: st.DataObject) -> None:
    graph, texts = problem
    budgets = Budgets(graph, texts)
    decided: list[int] = []
    for _ in range(data.draw(st.integers(0, len(graph.groups) - 1))):
        wanted = data.draw(st.floats(0.0, 1.0))
        decided.append(budgets.nearest_within(len(decided), budgets.interval(decided), wanted))
    group = graph.groups[len(decided)]
    low, high = budgets.interval(decided)
    allowed = [choice for choice in group.choices if low <= choice <= high]
    count = budgets.nearest_within(group.index, (low, high), sparsity)
    assert count in allowed
    wanted = (1 - sparsity) * group.units
    assert abs(count - wanted) <= min(abs(choice - wanted) for choice in allowed) + 1e-9


def rounded(graph: PruningGraph, shares: list[float]) -> KeptCounts:
    """The choice nearest to each share, of two the smaller."""
    return np.array(
        [
            min(group.choices, key=lambda choice: (abs(choice - min(share, 1.0) * group.units), choice))
            for group, share in zip(graph.groups, shares, strict=True)
        ]
    )


def filled(graph: PruningGraph, texts: tuple[str, ...], kept_counts: KeptCounts) -> KeptCounts:
    """Hand out single steps in forward order until none is affordable."""
    while True:
        before = kept_counts
        for index in range(len(kept_counts)):
            more = larger(graph, kept_counts, index)
            if more is not None and fits(graph, texts, more):
                kept_counts = more
        if kept_counts is before:
            return kept_counts


def scaled(graph: PruningGraph, texts: tuple[str, ...], shares: list[float]) -> KeptCounts:
    """The largest common factor that fits, by trying one between any two at which some kept count changes."""
    turns = {0.0, 1.0 / min(shares)}
    for group, share in zip(graph.groups, shares, strict=True):
        pairs = itertools.pairwise(group.choices)
        turns |= {(a + b) / 2 / group.units / share for a, b in pairs}
    ordered = sorted(turns)
    factors = [(a + b) / 2 for a, b in itertools.pairwise(ordered) if b - a > 1e-9]
    candidates = [rounded(graph, [factor * share for share in shares]) for factor in (0.0, *factors, ordered[-1] + 1)]
    return filled(graph, texts, [kept_counts for kept_counts in candidates if fits(graph, texts, kept_counts)][-1])


@many
@given(problems())
def test_the_uniform_policy_has_the_smallest_common_sparsity_that_fits(
    problem: Problem,
) -> None:
    graph, texts = problem
    equal = [1.0] * len(graph.groups)
    assert Budgets(graph, texts).uniform.tolist() == scaled(graph, texts, equal).tolist()


@many
@given(problems(), st.data())
def test_unequal_shares_are_scaled_by_one_factor(problem: Problem, data: st.DataObject) -> None:
    graph, texts = problem
    shares = [data.draw(st.floats(0.1, 3.0)) for _ in graph.groups]
    assert Budgets(graph, texts).scale(np.array(shares)).tolist() == scaled(graph, texts, shares).tolist()


@many
@given(problems(), st.data())
def test_several_policies_are_scaled_as_each_by_itself(problem: Problem, data: st.DataObject) -> None:
    graph, texts = problem
    budgets = Budgets(graph, texts)
    shares = np.array([[[data.draw(st.floats(0.1, 3.0)) for _ in graph.groups] for _ in range(2)] for _ in range(2)])
    decided = budgets.scale(shares[0, 0])[: data.draw(st.integers(0, len(graph.groups) - 1))].tolist()
    found = budgets.scale(shares, decided)
    assert found.tolist() == [[budgets.scale(each, decided).tolist() for each in pair] for pair in shares]


def test_without_limits_shares_are_taken_as_they_come() -> None:
    graph = chain((10, 20), residual=False, round_to=1, max_sparsity=0.8)
    assert Budgets(graph, []).scale(np.array([0.5, 0.71])).tolist() == [5, 14]
    assert Budgets(graph, []).scale(np.array([0.01, 7.0])).tolist() == [2, 20]


@pytest.mark.parametrize("text", ["macs=1", "params=1.0", "macs=9G"])
def test_a_budget_of_everything_cuts_nothing(text: str) -> None:
    graph = chain((10, 20), residual=False, round_to=None, max_sparsity=0.8)
    budgets = Budgets(graph, [text])
    assert budgets.scale(np.ones(2)).tolist() == graph.full.tolist()
    assert budgets.interval([]) == (10, 10)
    assert budgets.interval([10]) == (20, 20)
