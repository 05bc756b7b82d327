"""Random compact networks, to measure them."""

from __future__ import annotations

import numpy as np

from amc.cost.budget import Budgets
from amc.graph import KeptCounts, PruningGraph


def random_kept_counts(graph: PruningGraph, count: int, seed: int) -> list[KeptCounts]:
    """The kept counts of `count` random networks, int64 `(groups,)` each, from nearly whole to nearly the least.

    The groups of a network vary around a level of its own.
    """
    rng = np.random.default_rng(seed)
    budgets = Budgets(graph, ())
    levels = (np.arange(count) + rng.uniform(size=count)) / count
    rng.shuffle(levels)
    groups = len(graph.groups)
    return [budgets.nearest(level * np.exp(rng.uniform(0.1, 0.6) * rng.normal(size=groups))) for level in levels]
