"""What a network costs as a function of the keeps: MACs and parameters.

Both are sums of products of axis lengths, and an axis length is linear in the keeps. They never decrease when a group
keeps more. One multiply-accumulate is counted as one; a FLOP count is twice that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.graph import Axis, Keeps, PruningGraph
from amc.lengths import AxisLengths

CostFunction = Callable[[Keeps], float]
"""A cost as a function of the units kept of each group; it never decreases when a group keeps more."""
LATENCY = "latency"
"""The kind of cost that is measured (`amc.latency`), in ms; the others are counted."""


@dataclass(frozen=True, eq=False)
class Cost:
    """`sum_t coefficient[t] * prod_i length[factors[t, i]]`, where a factor of -1 is 1."""

    lengths: AxisLengths
    factors: NDArray[np.int64]
    coefficients: NDArray[np.int64]

    def __call__(self, keeps: Keeps) -> int:
        """The cost with `keeps[g]` units of each group left."""
        return int(self.terms(keeps).sum())

    def terms(self, keeps: Keeps) -> NDArray[np.int64]:
        """What each term contributes, int64 `(terms,)`: of `macs` the layers, of `params` the parameters, in order."""
        lengths = np.append(self.lengths(keeps), 1)
        products: NDArray[np.int64] = self.coefficients * lengths[self.factors].prod(axis=1)
        return products


def amount(kind: str, cost: float) -> str:
    """A cost of that kind in words, without what is counted."""
    return f"{cost:.4g} ms" if kind == LATENCY else f"{int(cost):,}"


def macs(graph: PruningGraph) -> Cost:
    """Multiply-accumulates of convolutions and linear layers, for one image."""
    return _cost(graph, [(layer.positions * layer.kernel_size, (layer.out, layer.weight_in)) for layer in graph.layers])


def params(graph: PruningGraph) -> Cost:
    """Elements of all parameters (buffers such as running statistics are not counted)."""
    terms: list[tuple[int, Sequence[Axis]]] = []
    for name, shape in graph.shapes.items():
        axes = graph.tensors.get(name, {})
        rest = [size for dim, size in enumerate(shape) if dim not in axes]
        terms.append((int(np.prod(rest, dtype=np.int64)), tuple(axes.values())))
    return _cost(graph, terms)


def written(graph: PruningGraph) -> Cost:
    """Elements that convolutions and linear layers write, for one image."""
    return _cost(graph, [(layer.positions, (layer.out,)) for layer in graph.layers])


COSTS: dict[str, Callable[[PruningGraph], Cost]] = {"macs": macs, "params": params}
"""Kinds of cost that a budget can name."""


def _cost(graph: PruningGraph, terms: Sequence[tuple[int, Sequence[Axis]]]) -> Cost:
    axes = {id(axis): axis for _, factors in terms for axis in factors}
    number = {key: row for row, key in enumerate(axes)}
    width = max((len(factors) for _, factors in terms), default=0)
    rows = [[number[id(axis)] for axis in factors] + [-1] * (width - len(factors)) for _, factors in terms]
    return Cost(
        lengths=AxisLengths(graph, tuple(axes.values())),
        factors=np.array(rows, dtype=np.int64).reshape(len(terms), width),
        coefficients=np.array([coefficient for coefficient, _ in terms], dtype=np.int64),
    )
