"""The goal of good networks at every budget of a range, in place of one budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amc.cost.budget_range import BudgetRange, read_range
from amc.utils.errors import UserError
from amc.utils.option_names import option
from envs.rewards import RewardFunction, find_reward


@dataclass(frozen=True)
class FrontGoal:
    """The range of budgets that a search draws from, and those at which it makes networks.

    Attributes:
        range: All budgets that are searched.
        points: The shares at which networks are made as they will be kept, in ascending order.
    """

    range: BudgetRange
    points: tuple[float, ...]

    @property
    def main(self) -> str:
        """The budget of the point nearest to the middle of the range, whose network is the result of the run."""
        middle = (self.range.low + self.range.high) / 2
        return self.range.limit(min(self.points, key=lambda share: abs(share - middle)))

    @property
    def limits(self) -> list[str]:
        """The budgets of all points, in ascending order."""
        return [self.range.limit(share) for share in self.points]

    def share(self, seed: int, index: int) -> float:
        """The share that is the budget of episode number `index`, to two decimals.

        Every other episode has one of the points, in turn; those between have any share of the range.
        """
        if index % 2 == 0:
            return self.points[index // 2 % len(self.points)]
        drawn = np.random.default_rng((seed, index, 2)).uniform(self.range.low, self.range.high)
        return self.range.rounded(float(drawn))


def find_front(
    budgets: Sequence[str], points: Sequence[float] | None, reward: str | RewardFunction
) -> FrontGoal | None:
    """The goal of a search over a range of budgets; None where there is no range among the budgets.

    Raises:
        UserError: A range that can't be read or stands beside other budgets, points outside it or without it, or a
            reward that weighs accuracy against cost.
    """
    ranges = [found for found in map(read_range, budgets) if found]
    if not ranges:
        if points is not None:
            raise UserError(f"{option('points')} goes with a range of budgets, such as {option('budget')} macs=0.3:0.8")
        return None
    if len(budgets) > 1:
        raise UserError(f"a range of budgets stands alone, got {' and '.join(budgets)}")
    asked = find_reward(reward)
    if asked.weighs_cost or not asked.needs_budget:
        raise UserError(f"a range of budgets goes with {option('reward')} error, which weighs no cost")
    return FrontGoal(ranges[0], ranges[0].points(points))
