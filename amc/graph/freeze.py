"""Taking groups out of a graph, because they must not be cut."""

from __future__ import annotations

import dataclasses

import numpy as np

from amc.graph.structure import Frozen, Group, PruningGraph, cuttable_axes
from amc.graph.transform import map_axes


def freeze(graph: PruningGraph, failures: dict[int, str]) -> PruningGraph:
    """Return the graph without the groups in `failures` (reasons by group index), which it lists as frozen."""
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

    renumbered = map_axes(graph, lambda axis: axis.renumbered(units))
    tensors = {name: cuttable_axes(axes) for name, axes in renumbered.tensors.items()}
    lost = [Frozen(graph.groups[i].name, graph.groups[i].width, reason) for i, reason in failures.items()]
    return dataclasses.replace(
        renumbered,
        groups=tuple(kept),
        frozen=(*graph.frozen, *lost),
        tensors={name: axes for name, axes in tensors.items() if axes},
        results=tuple(map(cuttable_axes, renumbered.results)),
    )
