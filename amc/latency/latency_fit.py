"""The latency of a whole network from that of its layers, fitted to compact networks measured end to end.

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
"""The least share of the original's latency that is predicted for a network."""
NEAR = 0.1
"""The standard deviation of the weights around the latency that the fit is for, in logarithms of latencies."""
LEAST_WEIGHT = 0.05
"""The weight of a network far from that latency, relative to the largest one."""
OFF = 0.03
"""The relative error up to which errors count by their squares."""
REPEATS = 10
"""The number of repeated fits, each weighted by the errors of the one before."""


@dataclass(frozen=True, eq=False)
class MeasuredNetwork:
    """A compact network that was measured in turn with the original.

    Attributes:
        kept_counts: The units of each group that it keeps, int64 `(groups,)`.
        share: The network's latency, as a share of the original's.
    """

    kept_counts: KeptCounts
    share: float


@dataclass(frozen=True, eq=False)
class LatencyTerms:
    """The two quantities that the latency of a network is predicted from, as functions of the kept counts.

    Attributes:
        layers: The summed latency of the layers by the table, in ms.
        elements: The number of elements that operators write.
    """

    layers: CostFunction
    elements: CostFunction

    @classmethod
    def of(cls, graph: PruningGraph, layers: CostFunction) -> LatencyTerms:
        """The terms of the network with the analysis `graph`, whose layers take `layers` ms in all."""
        return cls(layers, written_elements(graph))

    def __call__(self, kept_counts: KeptCounts) -> NDArray[np.float64]:
        """Both quantities with `kept_counts[g]` units of each group, `(2,)`."""
        return np.array([self.layers(kept_counts), self.elements(kept_counts)], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class PredictedLatency:
    """The predicted latency in ms as a function of the kept counts; it never falls when a group keeps more.

    Attributes:
        terms: The terms of the network that is pruned.
        whole: The terms of the original, `(2,)`.
        original: The latency of the original in ms.
        factors: The weight of each term, `(2,)`, none below 0.
    """

    terms: LatencyTerms
    whole: NDArray[np.float64]
    original: float
    factors: NDArray[np.float64]

    def __call__(self, kept_counts: KeptCounts) -> float:
        """The predicted latency in ms with `kept_counts[g]` units of each group."""
        saved = float(self.factors @ (self.whole - self.terms(kept_counts)))
        return max(self.original - saved, LEAST_SHARE * self.original)


def fit(
    terms: LatencyTerms,
    whole: KeptCounts,
    original: float,
    measured: Sequence[MeasuredNetwork],
    near: float | None = None,
) -> NDArray[np.float64]:
    """The factors of `PredictedLatency`, `(2,)`, none below 0, with the least relative error on `measured`.

    Errors up to `OFF` count by their squares and larger ones by themselves (Huber 1964): a single network that was
    disturbed while it was measured moves nothing.

    Args:
        terms: The terms of the network that `measured` was pruned from.
        whole: The kept counts of that network when nothing is pruned.
        original: The latency of the original in ms.
        measured: One network or more.
        near: A share of the original's latency; networks far from it count little.
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
    """The absolute errors of predictions in ms, relative to what was measured, `(len(measured),)`.

    Args:
        cost: The predicted latency in ms.
        original: The latency of the original in ms.
        measured: Networks that were measured.
    """
    return np.array([abs(cost(each.kept_counts) / (each.share * original) - 1.0) for each in measured])
