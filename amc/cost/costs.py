"""The costs of a network as functions of the kept counts: MACs, parameters, memory.

All are sums of products of axis lengths, which are linear in the kept counts. They never decrease when a group keeps
more units. One multiply-accumulate counts as one; a FLOP count is twice that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from amc.cost.axis_lengths import AxisLengths
from amc.graph import Axis, KeptCounts, PruningGraph

CostFunction = Callable[[KeptCounts], float]
"""A cost as a function of the kept counts; it never decreases when a group keeps more units."""
MEMORY = "memory"
"""The kind of cost that is in bytes."""
LATENCY = "latency"
"""The kind of cost that is measured (`amc.latency`), in ms; the others are counted."""


@dataclass(frozen=True, eq=False)
class Cost:
    """The cost `sum_t coefficient[t] * prod_i length[factors[t, i]]`, where a factor of -1 is 1."""

    lengths: AxisLengths
    factors: NDArray[np.int64]
    coefficients: NDArray[np.int64]

    def __call__(self, kept_counts: KeptCounts) -> int:
        """Return the cost with `kept_counts[g]` units of each group left."""
        return int(self.of_each(kept_counts))

    def of_each(self, kept_counts: KeptCounts) -> NDArray[np.int64]:
        """Return the costs of several networks, int64 `(...)`, from their kept counts `(..., groups)`."""
        costs: NDArray[np.int64] = self.terms(kept_counts).sum(axis=-1)
        return costs

    def terms(self, kept_counts: KeptCounts) -> NDArray[np.int64]:
        """Return what each term contributes, int64 `(..., terms)`, for kept counts `(..., groups)`.

        Terms of `macs` are the layers, those of `params` the parameters, in order.
        """
        lengths = self.lengths.of_factors(kept_counts)
        lengths = np.concatenate([lengths, np.ones_like(lengths[..., :1])], axis=-1)
        products: NDArray[np.int64] = self.coefficients * lengths[..., self.factors].prod(axis=-1)
        return products


@dataclass(frozen=True, eq=False)
class PeakMemory:
    """Bytes of the weights, and of the activations at the operator that needs most.

    Activation `a` is needed from operator `made[a]` to operator `last[a]`, both included.
    """

    weights: Cost
    activations: Cost
    made: NDArray[np.int64]
    last: NDArray[np.int64]

    def __call__(self, kept_counts: KeptCounts) -> int:
        """Return the bytes with `kept_counts[g]` units of each group left."""
        return int(self.of_each(kept_counts))

    def of_each(self, kept_counts: KeptCounts) -> NDArray[np.int64]:
        """Return the bytes of several networks, int64 `(...)`, from their kept counts `(..., groups)`."""
        sizes = self.activations.terms(kept_counts)
        changes = self._changes @ sizes.reshape(math.prod(sizes.shape[:-1]), len(self.made)).T
        most: NDArray[np.int64] = changes.cumsum(axis=0).max(axis=0, initial=0)
        return self.weights.of_each(kept_counts) + most.reshape(sizes.shape[:-1])

    @cached_property
    def _changes(self) -> csr_array:
        """What each activation changes of the bytes that are needed, times its size, `(operators + 1, activations)`."""
        each, signs = np.arange(len(self.made)), np.ones_like(self.made)
        operators, activations = np.concatenate([self.made, self.last + 1]), np.concatenate([each, each])
        shape = int(self.last.max(initial=0)) + 2, len(each)
        return csr_array((np.concatenate([signs, -signs]), (operators, activations)), shape=shape)


def cost_of_each(cost: CostFunction, kept_counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the costs of several networks, float64 `(...)`, from their kept counts `(..., groups)`."""
    if isinstance(cost, Cost | PeakMemory):
        return cost.of_each(kept_counts).astype(np.float64)
    rows = kept_counts.reshape(-1, kept_counts.shape[-1])
    return np.array([cost(row) for row in rows], dtype=np.float64).reshape(kept_counts.shape[:-1])


def format_cost(kind: str, cost: float) -> str:
    """Return a cost of that kind as text, with its unit if it has one."""
    if kind == LATENCY:
        return f"{cost:.4g} ms"
    return f"{int(cost):,} bytes" if kind == MEMORY else f"{int(cost):,}"


def macs(graph: PruningGraph) -> Cost:
    """Return the MACs of convolutions and linear layers for one image, as a function of the kept counts."""
    return _cost(graph, [(layer.positions * layer.kernel_size, (layer.out, layer.weight_in)) for layer in graph.layers])


def params(graph: PruningGraph) -> Cost:
    """Return the number of parameters, as a function of the kept counts.

    Buffers such as running statistics are not counted.
    """
    return _cost(graph, [_elements(graph, name) for name in graph.shapes])


def memory(graph: PruningGraph) -> PeakMemory:
    """Return the memory in bytes for one image, as a function of the kept counts.

    It is that of all parameters and of the activations that are needed at once at the most. An activation is needed
    from the operator that makes it to the last one that reads it. Element-wise operators and batch norms write into
    their input where nothing reads it again, as runtimes do. Working memory within an operator is not counted.
    """
    weights = []
    for name, size in graph.element_sizes.items():
        elements, axes = _elements(graph, name)
        weights.append((size * elements, axes))
    return PeakMemory(
        weights=_cost(graph, weights),
        activations=_cost(graph, [(each.bytes, each.axes) for each in graph.activations]),
        made=np.array([each.made for each in graph.activations], dtype=np.int64),
        last=np.array([each.last for each in graph.activations], dtype=np.int64),
    )


def written_elements(graph: PruningGraph) -> Cost:
    """Return the elements that convolutions and linear layers write for one image, as a function of the kept counts."""
    return _cost(graph, [(layer.positions, (layer.out,)) for layer in graph.layers])


COSTS: dict[str, Callable[[PruningGraph], Cost | PeakMemory]] = {"macs": macs, "params": params, MEMORY: memory}
"""The kinds of cost that are counted and that a budget can name.

A new kind needs more than an entry here: a field of `Outcome` in `envs/rewards.py`, its number format among `OUTCOME`
in `agents/history.py`, its name in print among `COST_NAMES` in `amc/scoring/number_format.py`, and, where it has a
unit, the way to write one in `amc/cost/limit.py` and to print one in `format_cost`.
"""


def _elements(graph: PruningGraph, name: str) -> tuple[int, tuple[Axis, ...]]:
    """Return the elements of a parameter as a constant factor and the axes that may be cut."""
    axes = graph.tensors.get(name, {})
    rest = [size for dim, size in enumerate(graph.shapes[name]) if dim not in axes]
    return int(np.prod(rest, dtype=np.int64)), tuple(axes.values())


def _cost(graph: PruningGraph, terms: Sequence[tuple[int, Sequence[Axis]]]) -> Cost:
    axes = {id(axis): axis for _, factors in terms for axis in factors}
    lengths = AxisLengths(graph, tuple(axes.values()))
    of_axis = {
        key: [place for place in row.tolist() if place >= 0] for key, row in zip(axes, lengths.of_axis, strict=True)
    }
    rows = [[place for axis in factors for place in of_axis[id(axis)]] for _, factors in terms]
    width = max(map(len, rows), default=0)
    rows = [row + [-1] * (width - len(row)) for row in rows]
    return Cost(
        lengths=lengths,
        factors=np.array(rows, dtype=np.int64).reshape(len(terms), width),
        coefficients=np.array([coefficient for coefficient, _ in terms], dtype=np.int64),
    )
