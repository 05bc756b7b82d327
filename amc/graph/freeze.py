"""Groups taken out of a graph."""

from __future__ import annotations

import dataclasses

import numpy as np

from amc.graph.structure import Axis, Frozen, Group, Layer, PruningGraph


def freeze(graph: PruningGraph, failures: dict[int, str]) -> PruningGraph:
    """The graph without the groups in `failures`, which are listed as frozen with their reasons."""
    if not failures:
        return graph
    kept: list[Group] = []
    new_first = 0
    units = np.full(graph.unit_count + 1, -1, dtype=np.int64)  # the last entry serves those that were fixed before
    for group in graph.groups:
        if group.index not in failures:
            units[group.slice] = new_first + np.arange(group.units)
            kept.append(dataclasses.replace(group, index=len(kept), first_unit=new_first))
            new_first += group.units

    def renumber(axis: Axis) -> Axis:
        return dataclasses.replace(axis, units=units[axis.units])

    def renumber_layer(layer: Layer) -> Layer:
        inputs, weight_in, out = renumber(layer.inputs), renumber(layer.weight_in), renumber(layer.out)
        return dataclasses.replace(layer, inputs=inputs, weight_in=weight_in, out=out)

    tensors = {
        name: {dim: new for dim, axis in axes.items() if (new := renumber(axis)).is_cuttable}
        for name, axes in graph.tensors.items()
    }
    lost = [Frozen(graph.groups[i].name, graph.groups[i].width, reason) for i, reason in failures.items()]
    return dataclasses.replace(
        graph,
        layers=tuple(renumber_layer(layer) for layer in graph.layers),
        auxiliary=tuple(renumber_layer(layer) for layer in graph.auxiliary),
        groups=tuple(kept),
        frozen=(*graph.frozen, *lost),
        tensors={name: axes for name, axes in tensors.items() if axes},
        statistics=tuple(
            dataclasses.replace(each, axes={dim: renumber(axis) for dim, axis in each.axes.items()})
            for each in graph.statistics
        ),
        sizes=tuple(
            dataclasses.replace(size, pieces=tuple(renumber(axis) for axis in size.pieces)) for size in graph.sizes
        ),
    )
