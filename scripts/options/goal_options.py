"""The options of a search for the cheapest network that is good enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agents.search.drop_goal import DropGoal
from amc.utils.errors import UserError
from scripts.options.option_types import Form, Name


@dataclass(frozen=True)
class GoalOptions:
    """The largest drop of the score, in place of a budget, and the cost that is to be least."""

    max_drop: Annotated[float, Form("POINTS")] | None = None
    """Find the network of least cost that scores at most this much less than the original, in place of --budget: points
    of a percent of top1 and top5, else units of the metric. Half of the validation images are put aside to judge it."""
    minimise: Name | None = None
    """Cost that is to be least with --max-drop: macs, params, memory or latency; default: macs."""

    @property
    def goal(self) -> DropGoal | None:
        """The goal; None where a budget is to be met instead.

        Raises:
            UserError: A drop below 0, an unknown cost, or a cost that is to be least without a largest drop.
        """
        if self.max_drop is not None:
            return DropGoal(self.max_drop, self.minimise or DropGoal.minimise)
        if self.minimise is not None:
            raise UserError("--minimise goes with --max-drop, such as --max-drop 1")
        return None
