"""Rewards: one number for a pruned network, known only when all its groups are decided."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What an episode led to: accuracy in [0, 1], costs left, and the cost over the budget (1: exactly at it).

    `within_budget`: no limit is exceeded, so that it may be the result of a search.
    """

    accuracy: float
    macs: int
    params: int
    budget_use: float
    within_budget: bool = True


@dataclass(frozen=True)
class Reward:
    """A reward, and whether the budget bounds the actions while it is searched for."""

    function: Callable[[Outcome], float]
    needs_budget: bool


def error(outcome: Outcome) -> float:
    """Resource-constrained protocol: `R_err = -Error` (He et al. 2018, section 3.3); the budget is a wall."""
    return outcome.accuracy - 1.0


def error_log_macs(outcome: Outcome) -> float:
    """Accuracy-guaranteed protocol: `R_FLOPs = -Error * log(MACs)` (He et al. 2018, section 3.3)."""
    return (outcome.accuracy - 1.0) * math.log(max(outcome.macs, 1))


def error_log_params(outcome: Outcome) -> float:
    """Accuracy-guaranteed protocol: `R_Param = -Error * log(#Param)` (He et al. 2018, section 3.3)."""
    return (outcome.accuracy - 1.0) * math.log(max(outcome.params, 1))


def mnasnet(outcome: Outcome) -> float:
    """`Accuracy * (cost / budget) ** -0.07` (Tan et al. 2019, equation 2), of the first budget."""
    return float(outcome.accuracy * outcome.budget_use**-0.07)


REWARDS: dict[str, Reward] = {
    "error": Reward(error, needs_budget=True),
    "error_log_macs": Reward(error_log_macs, needs_budget=False),
    "error_log_params": Reward(error_log_params, needs_budget=False),
    "mnasnet": Reward(mnasnet, needs_budget=True),
}
"""Rewards by name."""
