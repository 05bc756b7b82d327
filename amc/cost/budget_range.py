"""A range of budgets of one kind as a user writes it, such as `macs=0.3:0.8`, and the points in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amc.cost.costs import COSTS, LATENCY
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import look_up

DECIMALS = 2
"""The decimals of shares that are not given but follow from the range."""
_NUMBER = r"\d+\.?\d*|\.\d+"


@dataclass(frozen=True)
class BudgetRange:
    """All budgets between two shares of one kind of cost.

    Attributes:
        kind: The kind of cost: `macs`, `params` or `memory`.
        low: The smallest share of the original's cost, above 0.
        high: The largest, above `low` and at most 1.
    """

    kind: str
    low: float
    high: float

    def __str__(self) -> str:
        """Return the range as `read_range` takes it."""
        return f"{self.limit(self.low)}:{self.high:g}"

    def limit(self, share: float) -> str:
        """The budget at a share of the cost."""
        return f"{self.kind}={share:g}"

    def rounded(self, share: float) -> float:
        """The share to two decimals, within the range."""
        return min(max(round(share, DECIMALS), self.low), self.high)

    def points(self, asked: Sequence[float] | None) -> tuple[float, ...]:
        """The shares that are asked for, each once and in ascending order; by default the least, middle and largest.

        Raises:
            UserError: There are none, or one is outside the range.
        """
        if asked is None:
            asked = (self.low, self.rounded((self.low + self.high) / 2), self.high)
        if not asked:
            raise UserError(f"expected a share or more for {option('points')}, got none")
        for share in asked:
            if not self.low <= share <= self.high:
                raise UserError(f"expected {option('points')} from {self.low:g} to {self.high:g}, got {share:g}")
        return tuple(sorted(set(asked)))


def read_range(text: str) -> BudgetRange | None:
    """Read `KIND=LOW:HIGH`; None where the text is no range but a single budget.

    Raises:
        UserError: It is a range of latency or of an unknown kind, or its ends are not two shares that ascend.
    """
    kind, _, value = text.partition("=")
    if ":" not in value:
        return None
    if kind == LATENCY:
        raise UserError(f"a range of budgets is one of {', '.join(COSTS)}, got {text}; give a single budget of latency")
    look_up("budget kind", kind, COSTS)
    match = re.fullmatch(rf"({_NUMBER}):({_NUMBER})", value)
    low, high = map(float, match.groups()) if match else (0.0, 0.0)
    if not 0 < low < high <= 1:
        raise UserError(
            f"budget {text!r}: expected two shares in (0, 1] that ascend, such as {kind}=0.3:0.8, got {value!r}"
        )
    return BudgetRange(kind, low, high)
