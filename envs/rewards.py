"""Rewards: one number for a pruned network, known only when all its groups are decided."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from amc.utils.errors import UserError
from amc.utils.registry import UserFunction, resolve


@dataclass(frozen=True)
class Outcome:
    """What an episode led to: accuracy in [0, 1], costs left, and the cost over the budget (1: exactly at it).

    `latency` is in ms, 0 where nothing asks for it; `memory` in bytes. `images`: the share of the images that the
    accuracy is of; below 1 it is an estimate, of a network that is surely worse than a good one. `within_budget`: no
    limit is exceeded, so that it may be the result of a search.
    """

    accuracy: float
    macs: int
    params: int
    budget_use: float
    within_budget: bool = True
    latency: float = 0.0
    memory: int = 0
    images: float = 1.0


RewardFunction = Callable[[Outcome], float]
"""A function of what a policy led to; larger is better."""


@dataclass(frozen=True)
class Reward:
    """A reward, and what it needs.

    `needs_budget`: the budget bounds the actions while it is searched for. `needs_latency`: it is of the latency.
    `weighs_cost`: it is of the cost, and not of the accuracy alone.
    """

    function: RewardFunction
    needs_budget: bool
    needs_latency: bool = False
    weighs_cost: bool = True

    def __call__(self, outcome: Outcome) -> float:
        """The reward of what a policy led to."""
        return self.function(outcome)


def error(outcome: Outcome) -> float:
    """Resource-constrained protocol: `R_err = -Error` (He et al. 2018, section 3.3); the budget is a wall."""
    return outcome.accuracy - 1.0


def error_log_macs(outcome: Outcome) -> float:
    """Accuracy-guaranteed protocol: `R_FLOPs = -Error * log(MACs)` (He et al. 2018, section 3.3)."""
    return (outcome.accuracy - 1.0) * math.log(max(outcome.macs, 1))


def error_log_params(outcome: Outcome) -> float:
    """Accuracy-guaranteed protocol: `R_Param = -Error * log(#Param)` (He et al. 2018, section 3.3)."""
    return (outcome.accuracy - 1.0) * math.log(max(outcome.params, 1))


def error_log_latency(outcome: Outcome) -> float:
    """`-Error * log(latency)`, as `R_FLOPs` (He et al. 2018, section 3.3); in microseconds, which are above 1."""
    return (outcome.accuracy - 1.0) * math.log(max(1000 * outcome.latency, 1.0))


def mnasnet(outcome: Outcome) -> float:
    """`Accuracy * (cost / budget) ** -0.07` (Tan et al. 2019, equation 2), of the first budget."""
    return float(outcome.accuracy * outcome.budget_use**-0.07)


REWARDS: dict[str, Reward] = {
    "error": Reward(error, needs_budget=True, weighs_cost=False),
    "error_log_macs": Reward(error_log_macs, needs_budget=False),
    "error_log_params": Reward(error_log_params, needs_budget=False),
    "error_log_latency": Reward(error_log_latency, needs_budget=False, needs_latency=True),
    "mnasnet": Reward(mnasnet, needs_budget=True),
}
"""Rewards by name."""


def find_reward(given: str | RewardFunction) -> Reward:
    """The reward of that name, or the user's own: `path/to/file.py:function`, or from Python the object.

    A function is the reward that needs a budget, no latency, and may be of the cost; another one is given as `Reward`.

    Raises:
        UserError: There is no reward of that name, or no such function. What it returns is checked when it is called.
    """
    found = resolve("reward", given, REWARDS, Reward)
    return Reward(partial(_checked, found), needs_budget=True) if isinstance(found, UserFunction) else found


def _checked(reward: UserFunction, outcome: Outcome) -> float:
    """What a user's reward returns, a finite number."""
    with reward.blamed():
        value = float(reward(outcome))
    if not math.isfinite(value):
        raise UserError(f"reward {reward.name} returned {value}; a finite number is needed, larger being better")
    return value
