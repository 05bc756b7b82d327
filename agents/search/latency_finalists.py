"""The choice among the best policies where latency has a budget: those that are predicted to fit are measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from agents.episode import Episode
from agents.final_result import ScoredPolicy
from agents.search.finalists import Choice, choose_best
from agents.search.policy_maker import PolicyMaker
from agents.search.stage import Stage
from amc.artifacts.policy import LatencyReached
from amc.cost.costs import LATENCY
from amc.cost.limit import Limit
from amc.graph import KeptCounts
from amc.latency.latency_model import LatencyModel
from amc.task import Task

TOLERANCE = 0.01
"""The share of the budget by which a measured latency may exceed it: as much as measurements differ."""
TRIES = 6
"""How many networks are measured at the most before the best one is kept although it exceeds the budget."""


def choose_measured(
    stage: Stage,
    episodes: Sequence[Episode],
    make: PolicyMaker,
    latency_model: LatencyModel,
    *others: tuple[Episode, ScoredPolicy],
) -> Choice:
    """The policy with the largest reward, as `choose_best` finds it, whose measured latency is within the budget.

    Where the best one takes more than was predicted, the prediction is fitted again to all that was measured, the
    budget is tightened by what it is still off, and the best within that is measured in turn. Episodes that are over
    it now are scaled down to it: a search looks where the prediction was too low, so what fits by chance is poor. Where
    no policy fits after a few tries, the last one is given back.
    """
    task = stage.task
    limit = latency_limit(task)
    choice = choose_best(stage, episodes, make, *others)
    if limit is None:
        return choice
    for _ in range(TRIES):
        measured = latency_model.measure(choice.best.kept_counts)
        if measured <= limit.most * (1 + TOLERANCE):
            break
        latency_model.refit(near=limit.most / latency_model.original)
        predicted = latency_model.cost(task.graph)(choice.best.kept_counts)
        most = limit.most * predicted / measured
        if most < latency_model.cost(task.graph)(task.graph.least):
            break
        tightened = task.with_budgets(with_latency(task, most))
        choice = choose_best(
            dataclasses.replace(stage, task=tightened), [_within(tightened, each) for each in episodes], make
        )
    return choice


def latency_reached(latency_model: LatencyModel, task: Task, kept_counts: KeptCounts) -> LatencyReached:
    """The latency in ms of the network with `kept_counts` `(groups,)`, both predicted and measured."""
    limit = latency_limit(task)
    predict = limit.cost if limit else latency_model.cost(task.graph)
    return LatencyReached(
        latency_before_ms=latency_model.original,
        latency_after_ms=latency_model.measure(kept_counts),
        latency_predicted_ms=predict(kept_counts),
        target=latency_model.device.target,
        runtime=latency_model.device.runtime,
    )


def latency_limit(task: Task) -> Limit | None:
    """The latency budget of a task; None where it has none."""
    return next((limit for limit in task.budgets.limits if limit.kind == LATENCY), None)


def with_latency(task: Task, milliseconds: float) -> tuple[str, ...]:
    """The budgets of a task, in which that of the latency is `milliseconds`."""
    return tuple(
        f"{LATENCY}={milliseconds:.9f}ms" if limit.kind == LATENCY else limit.asked for limit in task.budgets.limits
    )


def _within(task: Task, episode: Episode) -> Episode:
    """The episode with its policy scaled down to the task's budgets; its other numbers are left as they are."""
    if task.budgets.allows(episode.kept_counts):
        return episode
    return dataclasses.replace(episode, kept_counts=task.budgets.scale(episode.kept_counts / task.graph.full))
