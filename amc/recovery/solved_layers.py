"""The solutions of layers in compact networks that begin alike, so that what they have in common is solved once.

What a layer reads in a compact network follows from the units that are kept in the groups of the layers before it and
in its own. Where those are the same in two networks, so are the solutions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from amc.graph import Layer, PruningGraph
from amc.pruning.slicing import UnitMask
from amc.recovery.layer_problem import LostShares

MOST_BYTES = 2**28
"""The size of all solutions that are remembered, at the most."""


class Solution(NamedTuple):
    """The solution of a layer.

    Attributes:
        change: The change of its weights; None where nothing is to be changed.
        lost: What is lost of its outputs; None where no images are held out.
    """

    change: Tensor | None
    lost: LostShares | None


class SolvedLayers:
    """Remembers the changes of layers' weights, by the layer's call and what the network keeps up to it.

    Args:
        graph: The network's analysis.
        layers: The layers that are solved, by their place among all calls.
    """

    def __init__(self, graph: PruningGraph, layers: Mapping[int, Layer]) -> None:
        self._known: OrderedDict[tuple[int, bytes], Solution] = OrderedDict()
        self._bytes = 0
        seen = np.zeros(graph.unit_count, dtype=np.bool_)
        self._units: dict[int, NDArray[np.intp]] = {}  # by call: what its inputs and its own outputs follow from
        for layer in sorted(graph.layers, key=lambda each: each.call):
            for units in (*layer.inputs.memberships, *layer.out.memberships):
                seen[units[units >= 0]] = True
            if layer.call in layers:
                self._units[layer.call] = np.flatnonzero(seen)

    def get(self, call: int, mask: UnitMask, solve: Callable[[], Solution]) -> Solution:
        """The solution of a layer, which is solved where it is not known.

        Args:
            call: The place of the layer's call among all.
            mask: The units that the network keeps, bool `(units,)`.
            solve: Solves the layer.
        """
        key = call, mask[self._units[call]].tobytes()
        if key not in self._known:
            solution = self._known[key] = solve()
            self._bytes += _size(solution)
            while self._bytes > MOST_BYTES:
                _, dropped = self._known.popitem(last=False)
                self._bytes -= _size(dropped)
            return solution
        self._known.move_to_end(key)
        return self._known[key]


def _size(solution: Solution) -> int:
    return 0 if solution.change is None else solution.change.nbytes
