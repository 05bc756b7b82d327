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
    """The outcome of an episode: the accuracy of the pruned network and the costs that are left.

    Attributes:
        accuracy: The score of the network, in [0, 1] for accuracies.
        macs: The multiply-accumulates for one image.
        params: The number of parameters.
        budget_use: The cost over the first budget: 1 exactly at it, more above it.
        within_budget: Whether no limit is exceeded, so that the policy may be the result of a search.
        latency: The latency in ms; 0 where nothing asks for it.
        memory: The memory in bytes.
        images: The share of the images that were scored; below 1 the accuracy is an estimate, of a network that is
            surely worse than a good one.
        score: What networks are compared by, in [0, 1], where that is not the accuracy; else None.
    """

    accuracy: float
    macs: int
    params: int
    budget_use: float
    within_budget: bool = True
    latency: float = 0.0
    memory: int = 0
    images: float = 1.0
    score: float | None = None

    @property
    def value(self) -> float:
        """What networks are compared by: the score, or the accuracy where there is no other."""
        return self.accuracy if self.score is None else self.score


RewardFunction = Callable[[Outcome], float]
"""A function that gives the reward of an outcome; larger is better."""


@dataclass(frozen=True)
class Reward:
    """A reward function, and what it needs.

    Attributes:
        function: The reward of an outcome, which a search maximises.
        needs_budget: Whether a budget has to bound the policies of the search.
        needs_latency: Whether the reward depends on the latency.
        weighs_cost: Whether the reward depends on a cost, and not on the accuracy alone.
    """

    function: RewardFunction
    needs_budget: bool
    needs_latency: bool = False
    weighs_cost: bool = True

    def __call__(self, outcome: Outcome) -> float:
        """The reward of the outcome of a policy."""
        return self.function(outcome)


def error(outcome: Outcome) -> float:
    """The resource-constrained reward, for a budget that has to be met: `-Error` (He et al. 2018, section 3.3)."""
    return outcome.value - 1.0


def error_log_macs(outcome: Outcome) -> float:
    """The accuracy-guaranteed reward for MACs: `R_FLOPs = -Error * log(MACs)` (He et al. 2018, section 3.3)."""
    return (outcome.value - 1.0) * math.log(max(outcome.macs, 1))


def error_log_params(outcome: Outcome) -> float:
    """The accuracy-guaranteed reward for parameters: `R_Param = -Error * log(#Param)` (He et al. 2018, section 3.3)."""
    return (outcome.value - 1.0) * math.log(max(outcome.params, 1))


def error_log_latency(outcome: Outcome) -> float:
    """The accuracy-guaranteed reward for latency: `-Error * log(latency)`, with the latency in microseconds."""
    return (outcome.value - 1.0) * math.log(max(1000 * outcome.latency, 1.0))


def mnasnet(outcome: Outcome) -> float:
    """The reward `Accuracy * (cost / budget) ** -0.07` (Tan et al. 2019, equation 2), with the first budget."""
    return float(outcome.value * outcome.budget_use**-0.07)


REWARDS: dict[str, Reward] = {
    "error": Reward(error, needs_budget=True, weighs_cost=False),
    "error_log_macs": Reward(error_log_macs, needs_budget=False),
    "error_log_params": Reward(error_log_params, needs_budget=False),
    "error_log_latency": Reward(error_log_latency, needs_budget=False, needs_latency=True),
    "mnasnet": Reward(mnasnet, needs_budget=True),
}
"""The rewards by name."""


def find_reward(given: str | RewardFunction) -> Reward:
    """The reward of that name, or the user's own: `path/to/file.py:function`, or from Python the object.

    A plain function becomes a reward that needs a budget and no latency, and may depend on a cost; for any other needs,
    a `Reward` is given.

    Raises:
        UserError: There is no reward of that name, or no such function. What it returns is checked when it is called.
    """
    found = resolve("reward", given, REWARDS, Reward)
    return Reward(partial(_checked, found), needs_budget=True) if isinstance(found, UserFunction) else found


def _checked(reward: UserFunction, outcome: Outcome) -> float:
    """The finite number that a user's reward returns for an outcome."""
    with reward.errors_named():
        value = float(reward(outcome))
    if not math.isfinite(value):
        raise UserError(f"reward {reward.name} returned {value}; a finite number is needed, larger being better")
    return value
