"""The budgets that a search for the least one tries, one after the other."""

from __future__ import annotations

BUDGETS = 8
"""The number of budgets that are tried at the most."""
SHRINKING = 2 / 3
"""The length of each step between two budgets over that of the step before it."""


class BudgetSteps:
    """Steps down from a budget that holds and up from one that does not, each shorter than the one before it.

    A bisection would never come back below a budget that failed. But a short search may fail by chance where the next
    one does not, so the steps to come reach further than the one before them.

    Args:
        least: The smallest share of the cost that can be left, in [0, 1).

    Attributes:
        share: The share of the cost that is tried next; it begins half-way between the least and the whole.
        lowest: The smallest share that held so far; 1 before any has.
        is_done: Whether no smaller share is left to try.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._step = (1 - least) / 4
        self.share = (1 + least) / 2
        self.lowest = 1.0
        self.is_done = False

    def add(self, *, holds: bool) -> None:
        """Note what came of `share`, and choose the next one."""
        if holds:
            self.lowest = min(self.lowest, self.share)
            self.is_done = self.share <= self._least
            self.share = max(self.share - self._step, self._least)
        elif self.share + self._step < self.lowest:
            self.share += self._step
        else:
            self.share = (self.share + self.lowest) / 2
        self._step *= SHRINKING
