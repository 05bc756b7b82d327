import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.cost.budget import Budgets
from amc.cost.least_loss import least_loss
from amc.graph import KeptCounts
from tests.problems import Problem, chain, fits, larger, problems


def curves(problem: Problem, seed: int) -> list[np.ndarray]:
    """Random losses of every choice, 0 for the whole group and never more where more is kept."""
    rng = np.random.default_rng(seed)
    return [np.append(np.cumsum(rng.exponential(size=len(each.choices) - 1))[::-1], 0) for each in problem[0].groups]


def loss_of(problem: Problem, losses: list[np.ndarray], kept_counts: KeptCounts) -> float:
    return sum(
        each[list(group.choices).index(kept)]
        for each, group, kept in zip(losses, problem[0].groups, kept_counts, strict=True)
    )


def least_of_all(problem: Problem, losses: list[np.ndarray]) -> float:
    graph, limits = problem
    policies = map(np.array, itertools.product(*(group.choices for group in graph.groups)))
    return min(loss_of(problem, losses, each) for each in policies if fits(graph, limits, each))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(problem=problems(groups=3, width=8), seed=st.integers(0, 999))
def test_it_fills_the_budgets_and_no_exchange_of_one_step_gains(problem: Problem, seed: int) -> None:
    graph, limits = problem
    losses = curves(problem, seed)
    found = least_loss(Budgets(graph, limits), losses)
    assert fits(graph, limits, found)
    loss = loss_of(problem, losses, found)
    for index in range(len(graph.groups)):
        more = larger(graph, found, index)
        if more is None:
            continue
        assert not fits(graph, limits, more)
        for other, group in enumerate(graph.groups):
            place = group.choices.index(found[other])
            if other != index and place:
                more[other] = group.choices[place - 1]
                assert not fits(graph, limits, more) or loss_of(problem, losses, more) >= loss * (1 - 1e-9) - 1e-9
                more[other] = found[other]


def test_parameters_of_separate_groups_are_shared_out_as_well_as_can_be() -> None:
    graph = chain((9, 9, 9), residual=True, round_to=1, max_sparsity=0.95)
    worse = []
    for seed in range(6):
        for limit in ("params=0.3", "macs=0.5", "macs=0.8"):
            problem = graph, (limit,)
            losses = curves(problem, seed)
            best = least_of_all(problem, losses)
            worse.append(loss_of(problem, losses, least_loss(Budgets(graph, [limit]), losses)) / max(best, 1e-9) - 1)
    assert np.mean(worse) < 0.01
    assert max(worse) < 0.1


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_of_losses_makes_no_difference(unit: float) -> None:
    """The tolerances of a solver are absolute."""
    graph = chain((16,) * 6, residual=False, round_to=2, max_sparsity=0.8)
    problem, budgets = (graph, ("macs=0.5",)), Budgets(graph, ["macs=0.5"])
    for seed in range(15):
        losses = [each**3 for each in curves(problem, seed)]
        expected = least_loss(budgets, losses).tolist()
        assert least_loss(budgets, [unit * each + 5 * unit for each in losses]).tolist() == expected
