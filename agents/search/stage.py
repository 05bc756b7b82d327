"""One stage of a search: its task, its scorer and its strategy."""

from __future__ import annotations

from dataclasses import dataclass

from agents.strategy import Strategy
from amc.scoring.scorer import Scorer
from amc.task import Task
from envs import PruningProblem


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of a search, which finds the policy for one of the budgets on the way.

    Attributes:
        number: The place of the stage among all, from 0.
        task: The network that is pruned, with the budgets of the stage.
        scorer: Scores the policies of the stage; it is closed when the next stage begins.
        problem: The pruning problem that the strategy decides on.
        strategy: Finds the policies of the stage.
    """

    number: int
    task: Task
    scorer: Scorer
    problem: PruningProblem
    strategy: Strategy

    @property
    def scores_what_is_kept(self) -> bool:
        """Whether the search scores networks just as they would be kept: in float32, on all reward images."""
        options = self.task.options
        same = options.recovery == self.task.search_recovery and self.task.search_images is self.task.splits.reward
        return same and self.scorer.candidates.is_exact
