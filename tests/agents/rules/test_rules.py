"""What holds for all rules."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.episode import Episode
from agents.rules import RULES
from amc.cost.budget import Budgets
from amc.graph import KeptCounts, PruningGraph
from amc.utils.errors import UserError
from envs import PruningProblem
from tests.problems import Problem, chain, fits, larger, problems

many = settings(max_examples=25, derandomize=True, deadline=None)


def noise(kept_counts: KeptCounts) -> float:
    """Accuracies that follow no pattern."""
    return zlib.crc32(kept_counts.tobytes()) / 2**32


def constant(_: KeptCounts) -> float:
    return 0.5


def scored(rule: str, problem: Problem, episodes: int, accuracy: object = noise) -> list[Episode]:
    graph, limits = problem
    importance = np.random.default_rng(0).random(graph.unit_count)
    searched = PruningProblem(Budgets(graph, limits), accuracy, importance=importance)  # type: ignore[arg-type]
    seen: list[Episode] = []
    RULES[rule]().search(searched, episodes, 0, seen.append)
    return seen


def possible(graph: PruningGraph, kept_counts: KeptCounts) -> bool:
    return all(keep in group.choices for group, keep in zip(graph.groups, kept_counts, strict=True))


@pytest.mark.parametrize("rule", RULES)
@many
@given(problem=problems(), more=st.integers(0, 40), accuracy=st.sampled_from([noise, constant]))
def test_a_rule_comes_to_a_policy_that_fills_the_budget(
    rule: str, problem: Problem, more: int, accuracy: object
) -> None:
    graph, limits = problem
    episodes = len(graph.groups) + 2 + more
    seen = scored(rule, problem, episodes, accuracy)
    assert 1 <= len(seen) <= episodes
    assert all(possible(graph, episode.kept_counts) for episode in seen)
    assert [each.outcome.within_budget for each in seen] == [fits(graph, limits, each.kept_counts) for each in seen]
    found = seen[-1].kept_counts
    assert fits(graph, limits, found)
    for index in range(len(graph.groups)):
        more_of_it = larger(graph, found, index)
        assert more_of_it is None or not fits(graph, limits, more_of_it)


@pytest.mark.parametrize("rule", sorted({*RULES} - {"shallow", "deep"}))
def test_without_a_budget_nothing_has_to_go(rule: str) -> None:
    graph = chain((16, 24), residual=False, round_to=None, max_sparsity=0.8)
    found = scored(rule, (graph, ()), 20, accuracy=lambda kept_counts: float(kept_counts.sum()))[-1].kept_counts
    assert found.tolist() == [16, 24]


@pytest.mark.parametrize("rule", ["sensitivity", "greedy", "knapsack"])
def test_too_few_episodes_to_measure_each_group_are_refused(rule: str) -> None:
    graph = chain((16, 24), residual=False, round_to=None, max_sparsity=0.8)
    with pytest.raises(UserError) as refused:
        scored(rule, (graph, ("macs=0.5",)), 3)
    assert str(refused.value) == (
        f"strategy {rule} cuts each of the 2 channel groups alone before it decides:"
        " expected at least 4 episodes, got 3"
    )
    assert len(scored(rule, (graph, ("macs=0.5",)), 4)) == 4
