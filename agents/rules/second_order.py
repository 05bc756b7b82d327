"""The rule of the least change of the outputs that a second-order model expects, which scores no other policy."""

from __future__ import annotations

from amc.graph import KeptCounts
from envs import PruningProblem


def second_order(problem: PruningProblem) -> KeptCounts:
    """The policy `(groups,)` whose outputs are expected to be nearest to the original's (`amc.compression`)."""
    return problem.least_change
