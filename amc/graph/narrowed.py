"""The analysis of a compact network, from that of the network it was cut from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from amc.graph.renumbered import with_axes
from amc.graph.structure import Group, Layer, PruningGraph


def narrowed(graph: PruningGraph, alive: NDArray[np.bool_]) -> PruningGraph:
    """The graph of the compact network in which the units `alive`, bool `(graph.unit_count,)`, are left.

    It has the same groups, layers and names in the same order. The numbers of units that may stay are those of `graph`
    that are left, so that rounding and the least keep go on to be those of the whole network.
    """
    number = np.append(np.cumsum(alive) - 1, -1)  # of each unit among those that are left; -1 stays -1

    def group(whole: Group) -> Group:
        units = int(alive[whole.slice].sum())
        return replace(
            whole,
            width=units * whole.channels_per_unit,
            units=units,
            first_unit=int(alive[: whole.first_unit].sum()),
            choices=(*(choice for choice in whole.choices if choice < units), units),
        )

    def layer(left: Layer) -> Layer:
        return replace(left, groups=len(left.inputs) // len(left.weight_in)) if left.groups > 1 else left

    left = with_axes(graph, lambda axis: replace(axis, units=number[axis.units[axis.kept(alive)]]))
    shapes = {name: list(shape) for name, shape in graph.shapes.items()}
    for name, axes in left.tensors.items():
        for dim, axis in axes.items():
            if name in shapes:
                shapes[name][dim] = len(axis)
    return replace(
        left,
        layers=tuple(map(layer, left.layers)),
        auxiliary=tuple(map(layer, left.auxiliary)),
        groups=tuple(map(group, graph.groups)),
        shapes={name: tuple(shape) for name, shape in shapes.items()},
    )
