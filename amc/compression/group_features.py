"""Features of each channel group that weights and calibration images give before anything is pruned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc.compression.compressor import Compressor

SHARES = (0.25, 0.5, 0.75)
"""The shares of a group's units that are kept when its features are taken."""


def group_features(compressor: Compressor) -> NDArray[np.float64]:
    """The features of each group, `(groups, 2 * len(SHARES))` in [0, 1].

    First comes the share of the group's importance that its most important 25, 50 and 75 % of units hold; then the
    share of its consumers' output energy that least squares can't restore when only those are kept.
    """
    graph = compressor.graph
    table = np.zeros((len(graph.groups), 2 * len(SHARES)))
    for column, share in enumerate(SHARES):
        kept_counts = np.maximum(1, np.round(share * graph.full)).astype(np.int64)
        mask = compressor.mask(kept_counts)
        errors = compressor.reconstruction_errors(mask)
        for group in graph.groups:
            importance = compressor.importance[group.slice]
            table[group.index, column] = importance[mask[group.slice]].sum() / max(importance.sum(), 1e-300)
            lost = [errors.get(graph.layers[i].weight or "", 0.0) for i in group.consumers]
            table[group.index, len(SHARES) + column] = np.mean(lost)
    return table
