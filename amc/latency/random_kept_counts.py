"""Random compact networks, to measure and to try things on."""

from __future__ import annotations

import numpy as np

from amc.cost.budget import Budgets
from amc.graph import KeptCounts, PruningGraph


def random_kept_counts(graph: PruningGraph, count: int, seed: int) -> list[KeptCounts]:
    """Kept counts of `count` networks, from nearly whole to nearly the least.

    Groups vary around a level of the network.
    """
    rng = np.random.default_rng(seed)
    budgets = Budgets(graph, ())
    levels = (np.arange(count) + rng.uniform(size=count)) / count
    rng.shuffle(levels)
    groups = len(graph.groups)
    return [budgets.nearest(level * np.exp(rng.uniform(0.1, 0.6) * rng.normal(size=groups))) for level in levels]
