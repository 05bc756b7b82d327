"""The search for the least cost, against all policies of a network of which few channels may be cut."""

import dataclasses
import itertools
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from agents.checkpoint import latest_checkpoint
from agents.episode import Episode, Past
from agents.search.drop_goal import DropGoal
from agents.search.invocation import python_invocation
from agents.search.plan import SearchPlan
from agents.search.search_result import SearchResult
from agents.search.search_run import SearchRun
from agents.strategies import make_strategy
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.cost.costs import COSTS, LATENCY, macs
from amc.data.load import load_data
from amc.data.resident import ResidentImages
from amc.graph import KeptCounts
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import NothingFoundError, UserError
from envs import PruningProblem
from tests.agents.search.test_budget_steps import RESOLUTION


@cache
def task(decay: float = 0.75) -> Task:
    """A small network, and images whose classes are those that it sees in them.

    Each channel is read by weights that are `decay` times those of the channel before it.
    """
    torch.manual_seed(0)
    second, last = nn.Conv2d(12, 16, 3), nn.Linear(64, 4)
    for weight, channels in ((second.weight.data, 12), (last.weight.data, 16)):
        weight.view(len(weight), channels, -1).mul_(2 * decay ** torch.arange(channels)[:, None])
    network = nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), second, nn.ReLU(), nn.Flatten(), last).eval()
    images = {name: torch.randn(count, 1, 6, 6) for name, count in (("train", 40), ("val", 2000), ("test", 20))}
    with torch.no_grad():
        data = {name: TensorDataset(each, network(each).argmax(1)) for name, each in images.items()}
    costs = {**COSTS, LATENCY: macs}
    options = TaskOptions(
        criterion="l1", recovery="none", search_recovery="none", round_to=2, max_sparsity=0.9, costs=costs
    )
    return Task(network, load_data(data).with_judging(0), (), options)


class Known(NamedTuple):
    """A policy with its costs and its drops, as the networks themselves tell."""

    kept_counts: KeptCounts
    costs: dict[str, int]
    drop: float
    judged: float

    def holds(self, most: float) -> bool:
        return max(self.drop, self.judged) <= most / 100 + 1e-9


@cache
def every_policy() -> list[Known]:
    """All policies: their MACs, parameters and drops are counted on the compact networks."""
    found = []
    for counts in itertools.product(*(group.choices for group in task().graph.groups)):
        kept_counts = np.array(counts, dtype=np.int64)
        network, _ = task().compact(kept_counts)
        drops = []
        for images in (task().splits.reward, task().splits.judging):
            assert isinstance(images, ResidentImages)
            right = [
                int((each(images.inputs).argmax(1) == images.targets).sum()) / len(images)
                for each in (task().model, network)
            ]
            drops.append(right[0] - right[1])
        costs = {kind: int(make(task().graph)(kept_counts)) for kind, make in COSTS.items()}
        assert costs["params"] == sum(parameter.numel() for parameter in network.parameters())
        found.append(Known(kept_counts, costs, *drops))
    return found


class Exhaustive(Strategy):
    """Scores every policy within the budget."""

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        del seed
        score = Scores(problem, on_episode, past)
        score.all([each.kept_counts for each in every_policy() if problem.budgets.allows(each.kept_counts)][:episodes])


def searched(
    max_drop: float, minimise: str = "macs", strategy: str | Strategy | None = None, episodes: int | None = None
) -> SearchResult:
    plan = SearchPlan(
        lambda _: make_strategy(strategy or Exhaustive()),
        episodes or 1 + 12 * len(every_policy()),
        goal=DropGoal(max_drop, minimise),
    )
    return SearchRun(task(), plan, python_invocation(task(), strategy or Exhaustive())).run()


@pytest.mark.parametrize(("max_drop", "minimise"), [(3, "macs"), (10, "params"), (5, "memory")])
def test_the_least_cost_of_all_policies_is_found(max_drop: float, minimise: str) -> None:
    result = searched(max_drop, minimise)
    whole, least = result.costs[minimise].before, min(each.costs[minimise] for each in every_policy())
    found = next(each for each in every_policy() if np.array_equal(each.kept_counts, result.final.policy.kept_counts))
    assert found.holds(max_drop)
    assert result.final.goal is not None
    assert result.final.goal.drop.value == pytest.approx(found.judged, abs=1e-6)
    best = min(each.costs[minimise] for each in every_policy() if each.holds(max_drop))
    assert best <= found.costs[minimise] <= best + RESOLUTION * (whole - least) + 2e-4 * whole
    assert found.costs[minimise] == result.costs[minimise].after


def test_a_latency_that_follows_the_macs_leads_to_the_same_network() -> None:
    found, expected = (searched(5, minimise).final.policy.kept_counts for minimise in (LATENCY, "macs"))
    assert found.tolist() == expected.tolist()


def test_what_was_judged_is_told() -> None:
    result = searched(5)
    goal, summary = result.final.goal, result.summary
    assert goal is not None
    known = {each.kept_counts.tobytes(): each for each in every_policy()}
    for judged in goal.judgements:
        policy = known[result.episodes[judged.episode].kept_counts.tobytes()]
        assert judged.drop.value == pytest.approx(policy.drop, abs=1e-6)
        assert judged.holds == policy.holds(5)
        assert (judged.judged is None) == (policy.drop > 0.05 + 1e-9)
    assert summary["max_drop"] == 0.05
    low, high = summary["drop_interval"]
    assert low <= summary["drop"] <= high
    assert summary["stages"][0]["episodes"] == 1
    kept = [each for each in summary["finalists"] if each["is_kept"]]
    assert [each["episode"] for each in kept] == [result.best.index]
    assert result.policy.budget == goal.judgements[goal.kept].budget


@pytest.mark.parametrize("strategy", ["random", "uniform", "sensitivity"])
def test_all_evaluations_together_are_what_was_asked_for(strategy: str) -> None:
    result = searched(10, strategy=strategy, episodes=40)
    assert len(result.episodes) <= 40
    assert strategy in ("uniform", "sensitivity") or len(result.episodes) == 40
    assert [episode.index for episode in result.episodes] == list(range(len(result.episodes)))
    assert result.final.goal is not None
    assert result.final.goal.drop.value <= 0.1
    assert result.costs["macs"].ratio < 1


def within_budgets(episodes: tuple[Episode, ...]) -> list[bool]:
    return [episode.outcome.within_budget for episode in episodes]


def test_policies_are_carried_over_to_other_budgets_but_not_beside_those_of_a_rule() -> None:
    found, alone = (searched(10, strategy=strategy, episodes=60) for strategy in ("random", "uniform"))
    assert all(within_budgets(found.episodes))
    last = [episode for episode in found.episodes if episode.stage == found.episodes[-1].stage]
    goal = found.final.goal
    assert goal is not None
    origins = [found.episodes[judged.episode].kept_counts for judged in goal.judgements[1:-1]]
    limit = task().with_budgets(goal.judgements[-1].budget).budgets
    scaled = {limit.scale(kept_counts / task().graph.full).tobytes() for kept_counts in origins}
    assert last[-1].kept_counts.tobytes() in scaled
    assert all(sum(episode.stage == number for episode in alone.episodes) == 1 for number in range(3))


def test_nothing_is_found_where_no_policy_is_good_enough() -> None:
    cut = [each for each in every_policy() if (each.kept_counts < task().graph.full).any()]
    least = min(max(each.drop, each.judged) for each in cut)
    assert least > 0
    with pytest.raises(NothingFoundError, match=r"not even the mildest cut .*: macs=0.*; give"):
        searched(99 * least, strategy="random", episodes=20)


def test_the_search_ends_where_the_mildest_cuts_are_surely_not_good_enough() -> None:
    scored: list[Episode] = []
    plan = SearchPlan(lambda _: make_strategy("random"), 40, goal=DropGoal(1))
    run = SearchRun(task(decay=1.0), plan, python_invocation(task(), "random"))
    with pytest.raises(NothingFoundError, match="not even the mildest cut"):
        run.run(scored.append)
    whole = task().graph.full
    assert [int((episode.kept_counts < whole).sum()) for episode in scored] == [1, 1]


def test_a_search_that_goes_on_makes_networks_with_the_recovery_that_it_had_decided_on(tmp_path: Path) -> None:
    """The best policy of the first budget decides it, and no other one."""
    origin = Task(task().model, task().splits, (), dataclasses.replace(task().options, recovery="auto"))
    plan = SearchPlan(lambda _: make_strategy("random"), 16, goal=DropGoal(4))
    run = SearchRun(origin, plan, python_invocation(origin, "random"))
    whole = run.run().final.goal

    def stop(episode: Episode) -> None:
        if episode.stage == 3:
            raise SystemExit

    stopped = dataclasses.replace(run, folder=tmp_path)
    with pytest.raises(SystemExit):
        stopped.run(stop)
    checkpoint, _ = latest_checkpoint(tmp_path)
    assert dataclasses.replace(stopped, past=checkpoint.past).run().final.goal == whole


def test_an_agent_learns_once_of_what_comes_before_the_policies_that_are_carried_over() -> None:
    plan = SearchPlan(lambda _: make_strategy("ddpg"), 42, goal=DropGoal(10))
    run = SearchRun(task(), plan, python_invocation(task(), "ddpg"))
    found = run.run()
    again = dataclasses.replace(run, past=found.checkpoint.past).run()
    assert found.agent is not None
    assert again.agent is not None
    for one, other in zip(found.agent.policy.parameters(), again.agent.policy.parameters(), strict=True):
        assert torch.equal(one, other)


def test_few_episodes_are_refused() -> None:
    with pytest.raises(UserError, match="expected two episodes or more"):
        searched(1, strategy="random", episodes=1)
    with pytest.raises(UserError, match="expected at least 4 episodes, got 3"):
        searched(1, strategy="sensitivity", episodes=4)


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({"max_drop": -1.0}, "expected max_drop of 0 points or more, got -1"),
        ({"max_drop": float("nan")}, "expected max_drop of 0 points or more, got nan"),
        ({"max_drop": 1.0, "minimise": "mac"}, "unknown cost 'mac'; did you mean macs"),
    ],
)
def test_a_goal_that_means_nothing_is_one_line(goal: dict[str, float | str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        DropGoal(**goal)  # type: ignore[arg-type]
