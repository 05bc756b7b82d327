"""Means over seeds with their 95 % intervals: of scores, of paired differences, and of whole curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from agents.report.strategies.cell import Reached

CONFIDENCE = 0.95
"""The probability with which an interval holds the mean of all seeds."""


class SeedMean(NamedTuple):
    """A mean over seeds; the interval reaches as far to each side as `half`, which one seed alone does not tell."""

    value: float
    half: float | None


class MeanCurve(NamedTuple):
    """The mean of the best score so far against what it took, with its interval.

    Attributes:
        at: The evaluations or seconds, `(points,)`, from where all seeds have a policy.
        mean: The mean over seeds, `(points,)`.
        half: How far the interval reaches to each side, `(points,)`; 0 for one seed.
    """

    at: NDArray[np.float64]
    mean: NDArray[np.float64]
    half: NDArray[np.float64]


def seed_mean(values: Sequence[float]) -> SeedMean:
    """The mean of one value or more, one for each seed, with the interval of Student's t distribution."""
    half = _half(np.asarray(values, dtype=np.float64))
    return SeedMean(float(np.mean(values)), None if len(values) == 1 else float(half))


def mean_curve(seeds: Sequence[Sequence[Reached]], along: Callable[[Reached], float]) -> MeanCurve:
    """The mean of several searches, at every point where one of them changes.

    Args:
        seeds: The best so far of each search, at least one point each, in order.
        along: What it took: evaluations or seconds.
    """
    begin = max(along(points[0]) for points in seeds)
    at = np.unique([max(along(point), begin) for points in seeds for point in points])
    values = np.stack([_values(points, along, at) for points in seeds])
    return MeanCurve(at, values.mean(axis=0), _half(values))


def _values(
    points: Sequence[Reached], along: Callable[[Reached], float], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The score that holds at each place: that of the last point before it."""
    places = np.searchsorted([along(point) for point in points], at, side="right") - 1
    return np.array([point.score for point in points])[places]


def _half(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half of the interval of the mean over the first axis, `(seeds, ...)`; 0 for one seed."""
    count = len(values)
    if count == 1:
        return np.zeros(values.shape[1:])
    quantile = stdtrit(count - 1, (1 + CONFIDENCE) / 2)
    half: NDArray[np.float64] = quantile * values.std(axis=0, ddof=1) / np.sqrt(count)
    return half
