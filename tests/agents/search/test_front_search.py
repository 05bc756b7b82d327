"""The search over a range of budgets, against all policies of a network of which few channels may be cut."""

from __future__ import annotations

import dataclasses
import itertools
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from agents.ddpg.settings import PRESETS
from agents.episode import Episode
from agents.search.front_goal import FrontGoal, find_front
from agents.search.invocation import python_invocation
from agents.search.plan import SearchPlan
from agents.search.search_result import SearchResult
from agents.search.search_run import SearchRun
from agents.strategies import Ddpg, make_strategy
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.cost.budget_range import BudgetRange
from amc.graph import KeptCounts
from amc.task import Task
from amc.utils.errors import UserError
from envs import PruningProblem
from tests.agents.search.test_cheapest_search import task as small_task

POINTS = (0.35, 0.5, 0.7)
FRONT = FrontGoal(BudgetRange("macs", 0.3, 0.8), POINTS)


@cache
def task() -> Task:
    return small_task().with_budgets((FRONT.main,))


@cache
def every_policy() -> dict[tuple[int, ...], tuple[float, float]]:
    """The share of the MACs and the accuracy of every policy."""
    choices = [group.choices for group in task().graph.groups]
    cost = task().budgets.limits[0].cost
    whole, found = cost(task().graph.full), {}
    for counts in itertools.product(*choices):
        network, _ = task().compact(np.array(counts, dtype=np.int64))
        found[counts] = cost(np.array(counts)) / whole, task().reward_score(network).value
    return found


class Exhaustive(Strategy):
    """Scores every policy within the budget."""

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: object = NO_PAST
    ) -> None:
        del seed, past
        policies = [np.array(each, dtype=np.int64) for each in every_policy()]
        Scores(problem, on_episode, NO_PAST).all([each for each in policies if problem.budgets.allows(each)][:episodes])


def small_agent() -> Strategy:
    return Ddpg(dataclasses.replace(PRESETS["tuned"], hidden=(8,), random_policies=4))


def searched(strategy: Strategy, episodes: int) -> SearchResult:
    plan = SearchPlan(lambda _: strategy, episodes, front=FRONT)
    return SearchRun(task(), plan, python_invocation(task(), strategy)).run()


def kept_counts_of(result: SearchResult) -> KeptCounts:
    return result.final.policy.kept_counts


def test_the_best_policy_within_each_budget_is_found() -> None:
    result = searched(Exhaustive(), 3 * len(every_policy()))
    for share, point in zip(POINTS, result.front, strict=True):
        best = max(score for cost, score in every_policy().values() if cost <= share)
        cost, score = every_policy()[tuple(kept_counts_of(point).tolist())]
        assert cost <= share
        assert score == pytest.approx(best, abs=1e-6)
        assert point.policy.budget == (f"macs={share:g}",)
    middle = result.front[1]
    assert kept_counts_of(result).tolist() == kept_counts_of(middle).tolist()
    assert result.policy == middle.policy


def test_an_interrupted_search_has_the_points_that_it_came_to(tmp_path: Path) -> None:
    """The smallest one is searched first, and its policies are within the budgets of the others."""

    def interrupt(episode: Episode) -> None:
        if episode.index == 3:
            raise KeyboardInterrupt

    plan = SearchPlan(lambda _: make_strategy("random"), 30, front=FRONT)
    result = SearchRun(task(), plan, python_invocation(task(), "random"), tmp_path).run(interrupt)
    assert result.interrupted
    assert [point.policy.budget for point in result.front] == [(f"macs={share:g}",) for share in POINTS]
    written = json.loads((tmp_path / "summary.json").read_text())
    assert [(each["budget"], each["episodes"]) for each in written["stages"]] == [(["macs=0.35"], 4)]


@pytest.mark.backward
def test_one_agent_searches_all_budgets_and_ends_with_what_it_expects_most_of() -> None:
    result = searched(small_agent(), 40)
    assert len(result.episodes) == 40
    shares = [each.outcome.macs / result.costs["macs"].before for each in result.episodes]
    assert min(shares) < 0.35
    assert max(shares) > 0.7
    assert all(each.outcome.images == 1 for each in result.episodes)  # none is raced
    assert all(share <= point for share, point in zip(shares[-3:], POINTS, strict=True))
    scores = [every_policy()[tuple(kept_counts_of(point).tolist())] for point in result.front]
    for point, (cost, score) in zip(POINTS, scores, strict=True):
        best = max(value for share, value in every_policy().values() if share <= point)
        assert cost <= point
        assert score >= best - 0.05
    assert sorted(score for _, score in scores) == [score for _, score in scores]


@pytest.mark.backward
def test_equal_seeds_give_equal_fronts() -> None:
    one, other = (searched(small_agent(), 24) for _ in range(2))
    policies = [[each.kept_counts.tolist() for each in result.episodes] for result in (one, other)]
    assert policies[0] == policies[1]


def test_budgets_are_drawn_from_the_range_and_the_points_return() -> None:
    shares = [FRONT.share(0, index) for index in range(400)]
    assert tuple(shares[:12:2]) == POINTS * 2
    drawn = shares[1::2]
    assert min(drawn) < 0.33
    assert max(drawn) > 0.77
    assert all(0.3 <= each <= 0.8 and round(each, 2) == each for each in drawn)
    assert shares != [FRONT.share(1, index) for index in range(400)]


@pytest.mark.parametrize(
    ("budgets", "points", "reward", "message"),
    [
        (["macs=0.5"], [0.5], "error", "points goes with a range of budgets"),
        (["macs=0.3:0.8", "params=0.5"], None, "error", "a range of budgets stands alone"),
        (["macs=0.3:0.8", "params=0.3:0.5"], None, "error", "a range of budgets stands alone"),
        (["macs=0.3:0.8"], [0.9], "error", "expected points from 0.3 to 0.8, got 0.9"),
        (["macs=0.3:0.8"], None, "mnasnet", "goes with reward error"),
        (["macs=0.3:0.8"], None, "error_log_macs", "goes with reward error"),
    ],
)
def test_what_does_not_go_with_a_range_is_one_line(
    budgets: list[str], points: list[float] | None, reward: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        find_front(budgets, points, reward)


def test_a_budget_that_cannot_be_reached_is_refused() -> None:
    low = FrontGoal(BudgetRange("macs", 0.0001, 0.8), POINTS)
    plan = SearchPlan(lambda _: small_agent(), 40, front=low)
    with pytest.raises(UserError, match=r"budget macs=0.0001 can't be reached"):
        SearchRun(task(), plan, python_invocation(task(), small_agent())).run()
