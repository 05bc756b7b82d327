"""The rule of the least change of the outputs that a second-order model expects, which scores no other policy."""

from __future__ import annotations

from amc.compression.least_change import least_change
from amc.graph import KeptCounts
from envs import PruningProblem


def second_order(problem: PruningProblem) -> KeptCounts:
    """The policy `(groups,)` whose outputs are expected to be nearest to the original's (`amc.compression`)."""
    return least_change(problem.budgets, problem.group_features)
