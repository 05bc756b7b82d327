"""The goal of the cheapest network that is good enough, in place of a budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

from amc.cost.costs import COSTS, LATENCY
from amc.scoring.number_format import is_share
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.option_values import check_types
from amc.utils.registry import look_up

ROUNDING = 1e-9
"""How far a drop may exceed the largest one by the rounding of floating-point numbers."""


@dataclass(frozen=True)
class DropGoal:
    """The goal of the least cost at which a network scores hardly less than the original.

    Attributes:
        max_drop: The largest drop of the score in points: of a percent where the metric is an accuracy, else in the
            units of the metric.
        minimise: The kind of cost that is to be least: `macs`, `params`, `memory` or `latency`.

    Raises:
        UserError: A drop below 0, or an unknown kind of cost.
    """

    max_drop: float
    minimise: str = "macs"

    def __post_init__(self) -> None:
        check_types(self)
        if not 0 <= self.max_drop < math.inf:
            raise UserError(f"expected {option('max_drop')} of 0 points or more, got {self.max_drop:g}")
        look_up("cost", self.minimise, dict.fromkeys((*COSTS, LATENCY)))

    def largest(self, metric: str) -> float:
        """The largest drop of a score by the metric of that name: in [0, 1] for accuracies."""
        return self.max_drop / 100 if is_share(metric) else self.max_drop

    def allows(self, metric: str, drop: float) -> bool:
        """Whether a drop of a score by the metric of that name is small enough."""
        return drop <= self.largest(metric) + ROUNDING
