"""One stage of a search: what it prunes, what scores its policies and what chooses them."""

from __future__ import annotations

from dataclasses import dataclass

from agents.strategy import Strategy
from amc.scoring.scorer import Scorer
from amc.task import Task
from envs import PruningProblem


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of a search.

    Attributes:
        number: Its place among the stages, from 0.
        task: What it prunes, with its own budgets.
        scorer: Scores its policies; it is closed when the next stage begins.
        problem: The pruning problem that its strategy decides on.
        strategy: Finds its policies.
    """

    number: int
    task: Task
    scorer: Scorer
    problem: PruningProblem
    strategy: Strategy

    @property
    def scores_what_is_kept(self) -> bool:
        """Whether its scores are those of the networks that would be kept: in float32, on all reward images."""
        options = self.task.options
        same = options.recovery == options.search_recovery and self.task.search_images is self.task.splits.reward
        return same and self.scorer.candidates.is_exact
