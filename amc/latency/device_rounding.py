"""The rounding of widths that costs next to nothing on a device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amc.cost.costs import CostFunction
from amc.graph import KeptCounts, PruningGraph
from amc.latency.random_kept_counts import random_kept_counts

STEPS = (32, 16, 8, 4, 2)
"""The steps that are tried, in channels."""
FREE = 0.05
"""The rise of the latency, on average, up to which rounding up counts as free: about the error of the table."""
NETWORKS = 32
"""The number of random compact networks whose widths are rounded up."""


def device_rounding(graph: PruningGraph, latency: CostFunction, seed: int = 0) -> int:
    """The largest step in channels to which widths can be rounded up for next to nothing; 1 where none is free.

    A step by which no group can be cut is none.

    Args:
        graph: The analysis without rounding.
        latency: The latency in ms as a function of the kept counts.
        seed: The seed of the random compact networks.
    """
    networks = random_kept_counts(graph, NETWORKS, seed)
    before = np.array([latency(kept_counts) for kept_counts in networks])
    for step in (each for each in STEPS if _leaves_choices(graph, each)):
        up = _rounded_up(graph, step)
        if float(np.mean(np.array([latency(up(kept_counts)) for kept_counts in networks]) / before)) <= 1 + FREE:
            return step
    return 1


def _leaves_choices(graph: PruningGraph, step: int) -> bool:
    """Whether some group can be cut to a multiple of the step."""
    return any(-(-group.choices[0] * group.channels_per_unit // step) * step < group.width for group in graph.groups)


def _rounded_up(graph: PruningGraph, step: int) -> Callable[[KeptCounts], KeptCounts]:
    channels = np.array([group.channels_per_unit for group in graph.groups])

    def up(kept_counts: KeptCounts) -> KeptCounts:
        widths = -(-kept_counts * channels // step) * step
        return np.minimum(-(-widths // channels), graph.full)

    return up
