import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.exploration import random_policy, truncated_normal, varied_policies
from amc.cost.budget import Budgets
from amc.graph import KeptCounts, PruningGraph
from tests.oracles import prepared
from tests.problems import Problem, fits, larger, problems

many = settings(max_examples=60, derandomize=True, deadline=None)


@pytest.mark.parametrize(("mean", "sigma"), [(0.5, 0.1), (0.5, 2.0), (0.0, 0.5), (1.0, 0.3), (1.4, 0.4), (-0.3, 0.3)])
def test_a_truncated_normal_has_the_moments_of_a_rejected_one(mean: float, sigma: float) -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([truncated_normal(rng, mean, sigma, 0.0, 1.0) for _ in range(2000)])
    assert (drawn >= 0).all()
    assert (drawn <= 1).all()
    free = np.random.default_rng(1).normal(mean, sigma, 400_000)
    wanted = free[(free >= 0) & (free <= 1)]
    assert drawn.mean() == pytest.approx(wanted.mean(), abs=4 * wanted.std() / 2000**0.5)
    assert drawn.std() == pytest.approx(wanted.std(), rel=0.06)


def test_without_deviation_or_room_nothing_is_drawn() -> None:
    rng = np.random.default_rng(0)
    assert truncated_normal(rng, 0.4, 0.0, 0.0, 1.0) == 0.4
    assert truncated_normal(rng, 1.4, 0.0, 0.0, 1.0) == 1.0
    assert truncated_normal(rng, 0.4, 0.5, 0.7, 0.7) == 0.7
    assert rng.random() == np.random.default_rng(0).random()


def can_grow(graph: PruningGraph, texts: tuple[str, ...], kept_counts: KeptCounts, first: int = 0) -> bool:
    """Whether a group from the first on could keep one step more."""
    steps = [larger(graph, kept_counts, index) for index in range(first, len(kept_counts))]
    return any(more is not None and fits(graph, texts, more) for more in steps)


@many
@given(problems(groups=6), st.integers(0, 10**6), st.floats(0.0, 1.0))
def test_whole_policies_fill_the_budget_and_never_exceed_it(problem: Problem, seed: int, sigma: float) -> None:
    graph, texts = problem
    budgets, rng = Budgets(graph, texts), np.random.default_rng(seed)
    policy = random_policy(rng, budgets)
    for kept_counts in (policy, *varied_policies(rng, budgets, policy, sigma, 3)):
        assert fits(graph, texts, kept_counts)
        assert all(keep in group.choices for keep, group in zip(kept_counts, graph.groups, strict=True))
        assert not can_grow(graph, texts, kept_counts)


@many
@given(problems(groups=6), st.integers(0, 10**6), st.integers(0, 5))
def test_the_first_groups_of_a_variation_can_be_left(problem: Problem, seed: int, first: int) -> None:
    graph, texts = problem
    budgets, rng = Budgets(graph, texts), np.random.default_rng(seed)
    policy = random_policy(rng, budgets)
    first = min(first, len(policy) - 1)
    (kept_counts,) = varied_policies(rng, budgets, policy, 0.5, 1, first)
    assert kept_counts[:first].tolist() == policy[:first].tolist()
    assert fits(graph, texts, kept_counts)
    assert not can_grow(graph, texts, kept_counts, first)
    for index in range(len(kept_counts)):  # it can be walked to
        least, most = budgets.interval(kept_counts[:index].tolist())
        assert least <= kept_counts[index] <= most


def test_random_policies_differ_and_reach_far() -> None:
    _, graph = prepared("resnet20")
    budgets = Budgets(graph, ["macs=0.5"])
    drawn = np.stack([random_policy(np.random.default_rng(seed), budgets) for seed in range(60)])
    assert len(np.unique(drawn, axis=0)) > 50
    shares = drawn / graph.full
    assert (shares.min(0) < 0.45).all()
    assert (shares.max(0) > 0.8).all()
    again = random_policy(np.random.default_rng(7), budgets)
    assert again.tolist() == drawn[7].tolist()


def test_without_budgets_policies_are_of_every_size() -> None:
    _, graph = prepared("resnet20")
    budgets = Budgets(graph, [])
    means = [float((random_policy(np.random.default_rng(seed), budgets) / graph.full).mean()) for seed in range(60)]
    assert min(means) < 0.45
    assert max(means) > 0.85


def test_a_variation_stays_near_and_is_wider_with_a_larger_deviation() -> None:
    _, graph = prepared("resnet20")
    budgets = Budgets(graph, ["macs=0.5"])
    start = budgets.uniform

    def distance(sigma: float) -> float:
        rng = np.random.default_rng(0)
        varied = varied_policies(rng, budgets, start, sigma, 60)
        return float(np.mean([np.abs(kept_counts - start) / graph.full for kept_counts in varied]))

    assert varied_policies(np.random.default_rng(0), budgets, start, 0.0, 1).tolist() == [start.tolist()]
    assert 0 < distance(0.05) < distance(0.2) < distance(0.8)


def test_sometimes_few_groups_are_varied_and_sometimes_all() -> None:
    _, graph = prepared("resnet20")
    budgets, rng = Budgets(graph, []), np.random.default_rng(0)  # without a budget nothing is scaled back
    start = budgets.nearest(np.full(len(graph.groups), 0.5))
    changed = (varied_policies(rng, budgets, start, 1.0, 200) != start).sum(axis=1)
    assert changed.min() <= 1
    assert changed.max() >= len(graph.groups) - 1
    assert np.mean(changed <= 3) > 0.4  # small numbers are as likely as large ones
