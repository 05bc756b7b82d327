"""A graph whose axes have changed: their units have other numbers, or some positions are gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from amc.graph.structure import Axis, Layer, PruningGraph


def with_axes(graph: PruningGraph, change: Callable[[Axis], Axis]) -> PruningGraph:
    """The graph with `change` made to every axis in it; all else stays."""

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
    )
