"""The options of a search for the cheapest network that is good enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

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

    def check(self) -> None:
        """Raise a UserError for a cost that is to be least without a largest drop."""
        if self.minimise is not None and self.max_drop is None:
            raise UserError("--minimise goes with --max-drop, such as --max-drop 1")
