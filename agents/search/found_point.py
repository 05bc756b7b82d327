"""One point of a front: what a search over a range of budgets found at one of them."""

from __future__ import annotations

from typing import NamedTuple

from agents.episode import Episode
from agents.final_result import FinalResult
from amc.task import Task


class FoundPoint(NamedTuple):
    """The result at one budget of a range.

    Attributes:
        task: The task at that budget.
        episodes: All policies that were scored, as episodes of that budget.
        best: The best of them within it.
        final: The policy that is kept, and what it has to beat.
    """

    task: Task
    episodes: tuple[Episode, ...]
    best: Episode
    final: FinalResult
