"""The pruning problem of a search, made from what it is to prune."""

from __future__ import annotations

from amc.cost.costs import CostFunction
from amc.scoring.scorer import PolicyScorer
from amc.task import Task
from amc.utils.errors import UserError
from amc.utils.registry import look_up
from envs import PruningProblem
from envs.observations import OBSERVATIONS
from envs.rewards import REWARDS


def check_reward(reward: str, observation: str) -> None:
    """Raise a UserError for an unknown reward or observation set."""
    look_up("reward", reward, REWARDS)
    look_up("observation set", observation, OBSERVATIONS)


def make_problem(
    task: Task,
    scorer: PolicyScorer,
    reward: str = "error",
    observation: str = "scale_free",
    latency: CostFunction | None = None,
) -> PruningProblem:
    """The pruning problem of a task whose policies `scorer` scores; `latency` in ms for rewards that weigh it.

    Raises:
        UserError: an unknown reward or observation set, or a reward that does not go with the task's budgets.
    """
    check_reward(reward, observation)
    if REWARDS[reward].needs_budget and not task.budgets.limits:
        raise UserError(f"reward {reward} needs a budget such as macs=0.5")
    if not REWARDS[reward].needs_budget and task.budgets.limits:
        raise UserError(f"reward {reward} weighs accuracy against cost by itself; leave the budget out")
    if REWARDS[reward].needs_latency and latency is None:
        raise UserError(f"reward {reward} needs something that tells latency")
    importance = task.compressor.importance
    return PruningProblem(
        task.budgets, scorer, task.group_features, importance, reward, observation, latency, scorer.all
    )
