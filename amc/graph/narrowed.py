"""The analysis of a compact network, from that of the network it was cut from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from amc.graph.structure import Axis, Group, Layer, PruningGraph


def narrowed(graph: PruningGraph, alive: NDArray[np.bool_]) -> PruningGraph:
    """The graph of the compact network in which the units `alive`, bool `(graph.unit_count,)`, are left.

    It has the same groups, layers and names in the same order. The numbers of units that may stay are those of `graph`
    that are left, so that rounding and the least keep go on to be those of the whole network.
    """
    number = np.append(np.cumsum(alive) - 1, -1)  # of each unit among those that are left; -1 stays -1

    def axis(whole: Axis) -> Axis:
        return Axis(number[whole.units[whole.kept(alive)]])

    def group(whole: Group) -> Group:
        units = int(alive[whole.slice].sum())
        return replace(
            whole,
            width=units * whole.channels_per_unit,
            units=units,
            first_unit=int(alive[: whole.first_unit].sum()),
            choices=(*(choice for choice in whole.choices if choice < units), units),
        )

    def layer(whole: Layer) -> Layer:
        inputs, weight_in = axis(whole.inputs), axis(whole.weight_in)
        groups = len(inputs) // len(weight_in) if whole.groups > 1 else 1
        return replace(whole, inputs=inputs, weight_in=weight_in, out=axis(whole.out), groups=groups)

    tensors = {name: {dim: axis(each) for dim, each in axes.items()} for name, axes in graph.tensors.items()}
    return replace(
        graph,
        layers=tuple(map(layer, graph.layers)),
        groups=tuple(map(group, graph.groups)),
        tensors=tensors,
        shapes={
            name: tuple(
                len(tensors[name][dim]) if dim in tensors.get(name, {}) else size for dim, size in enumerate(shape)
            )
            for name, shape in graph.shapes.items()
        },
        sizes=tuple(replace(size, pieces=tuple(map(axis, size.pieces))) for size in graph.sizes),
    )
