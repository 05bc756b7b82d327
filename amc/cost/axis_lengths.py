"""Lengths of axes as functions of the kept counts: linear, since every unit has equally many positions on an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from amc.graph import Axis, KeptCounts, PruningGraph


class AxisLengths:
    """A function from kept counts to the lengths of some axes of a graph.

    Attributes:
        per_unit: Positions that one unit of each group has on each axis, int64 `(axes, groups)`.
        fixed: Positions of each axis that always stay, int64 `(axes,)`.
    """

    def __init__(self, graph: PruningGraph, axes: Sequence[Axis]) -> None:
        units = graph.full
        group_of_unit = np.repeat(np.arange(len(units)), units)
        self.per_unit = np.zeros((len(axes), len(units)), dtype=np.int64)
        self.fixed = np.zeros(len(axes), dtype=np.int64)
        for row, axis in enumerate(axes):
            cut = axis.units[axis.units >= 0]
            self.fixed[row] = len(axis) - len(cut)
            if len(units):
                self.per_unit[row] = np.bincount(group_of_unit[cut], minlength=len(units)) // units
        self._matrix = csr_array(self.per_unit)

    def __call__(self, kept_counts: KeptCounts) -> NDArray[np.int64]:
        """Return the length of each axis with `kept_counts[..., g]` units of each group left, int64 `(..., axes)`."""
        *policies, groups = kept_counts.shape
        lengths = (
            self._matrix @ kept_counts.reshape(math.prod(policies), groups).T
        )  # sparse: no threads that spin afterwards
        return self.fixed + lengths.T.reshape(*policies, len(self.fixed))
