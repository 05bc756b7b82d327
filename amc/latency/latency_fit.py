"""From the sum over layers to the whole network: fitted to compact networks that were measured end to end.

Between its layers a network adds, pools and copies, and no layer runs as it does alone. What pruning saves is therefore
taken as a sum of what the layers of the table save and what is written less, each with a factor that is fitted; so the
original has the latency that was measured, whatever the factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from amc.cost.costs import CostFunction, written_elements
from amc.graph import KeptCounts, PruningGraph

LEAST_SHARE = 1e-3
"""No network is predicted to take less of the original's latency."""
NEAR = 0.1
"""How far from a latency others still count for it: a deviation, of logarithms."""
LEAST_WEIGHT = 0.05
OFF = 0.03
"""Relative error that is usual."""
REPEATS = 10
"""Of least squares, each weighted by the errors of the one before."""


@dataclass(frozen=True, eq=False)
class MeasuredNetwork:
    """A compact network and the share of the original's latency that it takes, both measured in turn."""

    kept_counts: KeptCounts
    share: float


@dataclass(frozen=True, eq=False)
class LatencyTerms:
    """What a latency is made of, of one graph: ms of the layers by the table, and elements that they write."""

    layers: CostFunction
    elements: CostFunction

    @classmethod
    def of(cls, graph: PruningGraph, layers: CostFunction) -> LatencyTerms:
        """The parts of `graph`, whose layers take `layers` ms in all."""
        return cls(layers, written_elements(graph))

    def __call__(self, kept_counts: KeptCounts) -> NDArray[np.float64]:
        """Both with `kept_counts`, `(2,)`."""
        return np.array([self.layers(kept_counts), self.elements(kept_counts)], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class PredictedLatency:
    """Predicted latency in ms as a function of the keeps; it never decreases when a group keeps more.

    `whole` are the parts of the original, which takes `original` ms, and `factors` ms for each.
    """

    terms: LatencyTerms
    whole: NDArray[np.float64]
    original: float
    factors: NDArray[np.float64]

    def __call__(self, kept_counts: KeptCounts) -> float:
        """The latency with `kept_counts[g]` units of each group left, in ms."""
        saved = float(self.factors @ (self.whole - self.terms(kept_counts)))
        return max(self.original - saved, LEAST_SHARE * self.original)


def fit(
    terms: LatencyTerms,
    whole: KeptCounts,
    original: float,
    measured: Sequence[MeasuredNetwork],
    near: float | None = None,
) -> NDArray[np.float64]:
    """The factors, `(2,)` and none below 0, with the least relative error on `measured`.

    Errors up to `OFF` count by their squares and larger ones by themselves (Huber 1964): a single network that was
    disturbed while it was measured moves nothing.

    Args:
        terms: Of the graph that `measured` are keeps of.
        whole: The keeps of the original network.
        original: Its latency in ms.
        measured: One network or more.
        near: A share of the original's latency; what lies far from it counts little.
    """
    shares = np.array([each.share for each in measured])
    weights = np.ones(len(shares))
    if near is not None:
        weights = np.maximum(np.exp(-(np.log(shares / near) ** 2) / (4 * NEAR**2)), LEAST_WEIGHT)
    saved = np.stack([terms(whole) - terms(each.kept_counts) for each in measured]) / (original * shares[:, None])
    wanted = (1.0 - shares) / shares
    huber = np.ones(len(shares))
    for _ in range(1 + REPEATS):
        row_weights = weights * huber
        factors, _ = nnls(row_weights[:, None] * saved, row_weights * wanted)
        huber = np.sqrt(OFF / np.maximum(np.abs(saved @ factors - wanted), OFF))
    return factors


def relative_errors(cost: CostFunction, original: float, measured: Sequence[MeasuredNetwork]) -> NDArray[np.float64]:
    """How far the predictions are off, relative to what was measured, `(len(measured),)`."""
    return np.array([abs(cost(each.kept_counts) / (each.share * original) - 1.0) for each in measured])
