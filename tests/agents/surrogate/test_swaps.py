"""Swaps, on random networks and budgets."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.exploration import random_policy
from agents.surrogate.swaps import swapped_policies
from amc.cost.budget import Budgets
from tests.problems import Problem, fits, larger, problems


@settings(derandomize=True, deadline=None)
@given(problem=problems(), seed=st.integers(0, 1000))
def test_swaps_meet_the_budgets_and_fill_them(problem: Problem, seed: int) -> None:
    graph, limits = problem
    budgets, rng = Budgets(graph, limits), np.random.default_rng(seed)
    parents = np.stack([random_policy(rng, budgets) for _ in range(4)])
    before = parents.copy()
    swapped = swapped_policies(budgets, parents, rng)
    assert np.array_equal(parents, before)
    for policy in swapped:
        assert all(kept in group.choices for kept, group in zip(policy, graph.groups, strict=True))
        assert fits(graph, limits, policy)
        more = (larger(graph, policy, index) for index in range(len(policy)))
        assert not any(each is not None and fits(graph, limits, each) for each in more)
