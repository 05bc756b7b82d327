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

CostFunction = Callable[[Keeps], float]
"""A cost as a function of the units kept of each group; it never decreases when a group keeps more."""
LATENCY = "latency"
"""The kind of cost that is measured (`amc.latency`), in ms; the others are counted."""


@dataclass(frozen=True, eq=False)
class Cost:
    """`sum_t coefficient[t] * prod_i length[factors[t, i]]` with `length = fixed + per_unit @ keeps`.

    `per_unit` is `(axes, groups)`, `fixed` `(axes,)`; the last axis is always 1 long and fills short products.
    """

    per_unit: NDArray[np.int64]
    fixed: NDArray[np.int64]
    factors: NDArray[np.int64]
    coefficients: NDArray[np.int64]

    def __call__(self, keeps: Keeps) -> int:
        """The cost with `keeps[g]` units of each group left."""
        return int(self.terms(keeps).sum())

    def terms(self, keeps: Keeps) -> NDArray[np.int64]:
        """What each term contributes, int64 `(terms,)`: of `macs` the layers, of `params` the parameters, in order."""
        lengths = self.fixed + self.per_unit @ keeps
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
    group_of_unit = np.repeat(np.arange(len(graph.groups)), [group.units for group in graph.groups])
    units = np.array([group.units for group in graph.groups], dtype=np.int64)
    rows: list[NDArray[np.int64]] = []
    fixed: list[int] = []
    number: dict[int, int] = {}

    def row(axis: Axis) -> int:
        if id(axis) not in number:
            cut = axis.units[axis.units >= 0]
            per_group = np.bincount(group_of_unit[cut], minlength=len(units))
            number[id(axis)] = len(rows)
            rows.append(per_group // units if len(units) else per_group)
            fixed.append(len(axis) - len(cut))
        return number[id(axis)]

    width = max((len(axes) for _, axes in terms), default=0)
    factors = [[row(axis) for axis in axes] + [-1] * (width - len(axes)) for _, axes in terms]
    rows.append(np.zeros(len(units), dtype=np.int64))
    fixed.append(1)
    return Cost(
        per_unit=np.stack(rows).astype(np.int64),
        fixed=np.array(fixed, dtype=np.int64),
        factors=np.array(factors, dtype=np.int64).reshape(len(terms), width),
        coefficients=np.array([coefficient for coefficient, _ in terms], dtype=np.int64),
    )
