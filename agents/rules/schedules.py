"""Rules that look at a group's place in the network: each group's share is scaled to the budget by one factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc.graph import Group, KeptCounts, PruningGraph
from envs import PruningProblem

STEEPEST = 0.5
"""The kept share of the group at one end of the network over that of the group at the other end."""
DEEPER_SHARE = 1.5
"""The kept share of the last stage but one over that of the stages before it."""


def uniform(problem: PruningProblem) -> KeptCounts:
    """Keep the same share of every group, within the budget; kept counts `(groups,)`."""
    return problem.budgets.uniform


def shallow(problem: PruningProblem) -> KeptCounts:
    """Keep shares that rise from the first group to the last: shallow layers are cut more (He et al. 2018, table 2)."""
    return problem.budgets.scale(np.linspace(STEEPEST, 1.0, len(problem.graph.groups)))


def deep(problem: PruningProblem) -> KeptCounts:
    """Keep shares that fall from the first group to the last: deep layers are cut more (He et al. 2018, table 2)."""
    return problem.budgets.scale(np.linspace(1.0, STEEPEST, len(problem.graph.groups)))


def channel_pruning(problem: PruningProblem) -> KeptCounts:
    """Keep fixed ratios by stage (He, Zhang, Sun 2017, section 4.1.2, for VGG-16).

    A stage is the groups with maps of one size. The last stage is whole, the one before it keeps 1.5 times the share of
    all earlier ones. Only where those can't be cut far enough for the budget, the last one is cut, too.
    """
    ratios = _ratios(problem.graph)
    last = ratios == 0
    others = np.where(last, 0.0, ratios)
    top = 1.0 / ratios[~last].min() if (~last).any() else 0.0

    def kept_counts_at(level: NDArray[np.float64]) -> KeptCounts:
        """The kept counts at a level: the last stage grows from nothing up to level 1, then all others do."""
        return problem.budgets.nearest(np.where(last, np.minimum(level, 1.0), others * np.maximum(level - 1.0, 0.0)))

    return problem.budgets.fit(kept_counts_at, 1.0 + top)


def _ratios(graph: PruningGraph) -> NDArray[np.float64]:
    """The share of each group over that of the first stages, `(groups,)`; 0 for the last stage, which is whole."""
    sizes = sorted({size for group in graph.groups if (size := _map_size(graph, group))}, reverse=True)
    last = sizes[-1] if sizes else 0
    before = sizes[-2] if len(sizes) > 1 else 0
    by_size = {before: DEEPER_SHARE, last: 0.0, 0: 0.0}
    return np.array([by_size.get(_map_size(graph, group), 1.0) for group in graph.groups])


def _map_size(graph: PruningGraph, group: Group) -> int:
    """The number of positions of the maps that a group's first producer makes; 0 for a linear layer."""
    layer = graph.layers[group.producers[0]]
    return layer.positions if layer.kernel else 0
