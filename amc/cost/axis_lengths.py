"""Lengths of axes as functions of the kept counts: linear, since every unit has equally many positions on an axis.

An axis whose positions stay with two units each is as long as the product of two such lengths.
"""

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
        per_unit: Positions that one unit of each group has on each factor of an axis, int64 `(factors, groups)`.
        fixed: Positions of each factor that always stay, int64 `(factors,)`.
        of_axis: The factors of each axis, int64 `(axes, 2)`; -1 where there is one alone.
    """

    def __init__(self, graph: PruningGraph, axes: Sequence[Axis]) -> None:
        units = graph.full
        group_of_unit = np.repeat(np.arange(len(units)), units)
        factors: list[Axis] = []
        self.of_axis = np.full((len(axes), 2), -1, dtype=np.int64)
        for row, axis in enumerate(axes):
            for place, factor in enumerate(axis.factors):
                self.of_axis[row, place] = len(factors)
                factors.append(factor)
        self.per_unit = np.zeros((len(factors), len(units)), dtype=np.int64)
        self.fixed = np.zeros(len(factors), dtype=np.int64)
        for row, axis in enumerate(factors):
            cut = axis.units[axis.units >= 0]
            self.fixed[row] = len(axis) - len(cut)
            if len(units):
                self.per_unit[row] = np.bincount(group_of_unit[cut], minlength=len(units)) // units
        self._matrix = csr_array(self.per_unit)

    def __call__(self, kept_counts: KeptCounts) -> NDArray[np.int64]:
        """Return the length of each axis with `kept_counts[..., g]` units of each group left, int64 `(..., axes)`."""
        factors = self.of_factors(kept_counts)
        lengths: NDArray[np.int64] = np.append(factors, np.ones_like(factors[..., :1]), axis=-1)[..., self.of_axis]
        return lengths.prod(axis=-1)

    def of_factors(self, kept_counts: KeptCounts) -> NDArray[np.int64]:
        """Return the length of each factor, int64 `(..., factors)`, for kept counts `(..., groups)`."""
        *policies, groups = kept_counts.shape
        lengths = (
            self._matrix @ kept_counts.reshape(math.prod(policies), groups).T
        )  # sparse: no threads that spin afterwards
        return self.fixed + lengths.T.reshape(*policies, len(self.fixed))
