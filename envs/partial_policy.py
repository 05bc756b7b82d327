"""The policy of an unfinished episode: its first groups are decided, the others are not."""

from __future__ import annotations

import numpy as np

from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from envs.observations import Decisions, Features, Observation

Interval = tuple[float, float]
"""The least and the largest feasible sparsity of a group."""


class PartialPolicy:
    """A policy whose groups are decided in forward order, so that the whole of it lands on the budget.

    Args:
        budgets: The budgets, which bound what each group may keep.
        observation: The observation set, which says what an agent sees.
    """

    def __init__(self, budgets: Budgets, observation: Observation) -> None:
        self._budgets = budgets
        self._graph = budgets.graph
        self._observation = observation
        self._decided: list[int] = []
        self._previous = 0.0
        self._allowed = budgets.interval(())

    @property
    def complete(self) -> bool:
        """Whether all groups are decided."""
        return len(self._decided) == len(self._graph.groups)

    @property
    def kept_counts(self) -> KeptCounts:
        """The units that each decided group keeps, `(decided,)`; `(groups,)` when the policy is complete."""
        return np.array(self._decided, dtype=np.int64)

    @property
    def interval(self) -> Interval:
        """The feasible sparsities of the next group; [0, 1] when there is none."""
        if self.complete:
            return 0.0, 1.0
        units = self._graph.groups[len(self._decided)].units
        return 1.0 - self._allowed[1] / units, 1.0 - self._allowed[0] / units

    def observe(self) -> Features:
        """What an agent sees before it decides the next group, float32 `(features,)`; zeros when there is none."""
        if self.complete:
            return np.zeros(len(self._observation.names), dtype=np.float32)
        kept_counts = self._graph.full
        kept_counts[: len(self._decided)] = self._decided
        index, interval, previous = (np.array([each]) for each in (len(self._decided), self.interval, self._previous))
        (features,) = self._observation(Decisions(kept_counts[None], index, interval, previous))
        return features

    def decide(self, sparsity: float) -> float:
        """Prune the next group to the feasible number of units nearest to `sparsity`; gives the executed sparsity."""
        index = len(self._decided)
        keep = self._budgets.nearest_within(index, self._allowed, float(np.clip(sparsity, 0.0, 1.0)))
        self._decided.append(keep)
        self._previous = 1.0 - keep / self._graph.groups[index].units
        if not self.complete:
            self._allowed = self._budgets.interval(self._decided)
        return self._previous
