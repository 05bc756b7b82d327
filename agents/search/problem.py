"""The pruning problem of a search, made from what it is to prune."""

from __future__ import annotations

from amc.compression.group_features import GroupFeatures
from amc.cost.costs import CostFunction
from amc.scoring.scorer import PolicyScorer
from amc.task import Task
from amc.utils.errors import UserError
from amc.utils.registry import name_of
from amc.utils.slow_step import told_if_slow
from envs import PruningProblem
from envs.observations import MakeObservation
from envs.rewards import RewardFunction, find_reward


def make_problem(
    task: Task,
    scorer: PolicyScorer,
    reward: str | RewardFunction = "error",
    observation: str | MakeObservation = "scale_free",
    latency: CostFunction | None = None,
    quiet: bool = True,
) -> PruningProblem:
    """The pruning problem of a task.

    Args:
        task: The network, its images and its budgets.
        scorer: Scores the policies.
        reward: The reward that is maximised, as `envs.rewards.find_reward` takes it.
        observation: The observation set, as `envs.observations.find_observation` takes it.
        latency: The latency in ms of kept counts, for rewards that weigh it.
        quiet: Whether nothing is printed.

    Raises:
        UserError: An unknown reward or observation set, or a reward that does not go with the task's budgets.
    """
    asked, name = find_reward(reward), name_of(reward)
    if asked.needs_budget and not task.budgets.limits:
        raise UserError(f"reward {name} needs a budget such as macs=0.5")
    if not asked.needs_budget and task.budgets.limits:
        raise UserError(f"reward {name} weighs accuracy against cost by itself; leave the budget out")
    if asked.needs_latency and latency is None:
        raise UserError(f"reward {name} needs something that tells latency")
    importance = task.compressor.importance

    def group_features() -> GroupFeatures:
        with told_if_slow("finding how much each group of channels matters", quiet=quiet):
            return task.group_features

    return PruningProblem(task.budgets, scorer, group_features, importance, reward, observation, latency, scorer.all)
