"""The rule of a global threshold on the importance of all channels, whatever group they are in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc.criteria import Importance
from amc.graph import KeptCounts, PruningGraph
from envs import PruningProblem


def global_threshold(problem: PruningProblem) -> KeptCounts:
    """Keep the units that are most important over all groups, as many as the budget allows; kept counts `(groups,)`."""
    graph = problem.graph
    group_of_unit = np.repeat(np.arange(len(graph.groups)), graph.full)
    ranked = group_of_unit[np.argsort(-comparable(graph, problem.importance), kind="stable")]

    def kept_counts_at(level: NDArray[np.float64]) -> KeptCounts:
        above = np.bincount(ranked[: int(level)], minlength=len(graph.groups))
        return problem.budgets.nearest(above / graph.full)

    return problem.budgets.fit(kept_counts_at, len(ranked))


def comparable(graph: PruningGraph, importance: Importance) -> Importance:
    """The importance of each unit over the mean of its group, `(graph.unit_count,)`, comparable between groups.

    This is how torch-pruning compares groups (DepGraph, Fang et al. 2023). Over the L2 norm (Molchanov et al. 2017,
    equation 9) wide groups would look unimportant, since their channels share one sum.
    """
    normalised = importance.copy()
    for group in graph.groups:
        normalised[group.slice] /= max(importance[group.slice].mean(), np.finfo(np.float64).tiny)
    return normalised
