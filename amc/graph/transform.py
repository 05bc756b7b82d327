"""Graphs made from graphs: of the compact network that a network was cut to, or with other axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from amc.graph.structure import Axis, Group, Layer, PruningGraph, Scale


def compact_graph(graph: PruningGraph, mask: NDArray[np.bool_]) -> PruningGraph:
    """Return the graph of the compact network in which the units in `mask`, bool `(graph.unit_count,)`, are left.

    It has the same groups, layers and names in the same order. The numbers of units that may stay are those of `graph`
    that are left, so that rounding and the smallest counts are still those of the whole network.
    """
    number = np.append(np.cumsum(mask) - 1, -1)  # of each unit among those that are left; -1 stays -1

    def group(whole: Group) -> Group:
        units = int(mask[whole.slice].sum())
        return replace(
            whole,
            width=units * whole.channels_per_unit,
            units=units,
            first_unit=int(mask[: whole.first_unit].sum()),
            choices=(*(choice for choice in whole.choices if choice < units), units),
        )

    def layer(left: Layer) -> Layer:
        return replace(left, groups=len(left.inputs) // len(left.weight_in)) if left.groups > 1 else left

    def left_axis(axis: Axis) -> Axis:
        return axis.taken(axis.kept(mask)).renumbered(number)

    def scale(whole: Scale) -> Scale:
        entries = {
            name: {dim: np.flatnonzero(np.isin(_left(graph, name, dim, mask), each)) for dim, each in dims.items()}
            for name, dims in whole.entries.items()
        }
        return replace(whole, width=left_axis(whole.width), entries=entries)

    left = map_axes(graph, left_axis)
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
        scales=tuple(map(scale, graph.scales)),
        shapes={name: tuple(shape) for name, shape in shapes.items()},
    )


def _left(graph: PruningGraph, tensor: str, dim: int, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the positions of a parameter that are left along a dimension."""
    axis = graph.tensors.get(tensor, {}).get(dim)
    return np.arange(graph.shapes[tensor][dim]) if axis is None else axis.kept(mask)


def map_axes(graph: PruningGraph, change: Callable[[Axis], Axis]) -> PruningGraph:
    """Return the graph with `change` applied to every axis in it; all else stays."""

    def layer(old: Layer) -> Layer:
        return replace(old, inputs=change(old.inputs), weight_in=change(old.weight_in), out=change(old.out))

    def axes(old: dict[int, Axis]) -> dict[int, Axis]:
        return {dim: change(axis) for dim, axis in old.items()}

    return replace(
        graph,
        layers=tuple(map(layer, graph.layers)),
        auxiliary=tuple(map(layer, graph.auxiliary)),
        tensors={name: axes(old) for name, old in graph.tensors.items()},
        sizes=tuple(replace(size, pieces=tuple(map(change, size.pieces))) for size in graph.sizes),
        activations=tuple(replace(each, axes=tuple(map(change, each.axes))) for each in graph.activations),
        statistics=tuple(replace(each, axes=axes(each.axes)) for each in graph.statistics),
        scales=tuple(replace(each, width=change(each.width)) for each in graph.scales),
        results=tuple(map(axes, graph.results)),
    )
