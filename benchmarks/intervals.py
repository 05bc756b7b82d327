"""Confidence intervals of means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from scipy.stats import t


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """The mean of some values, and half the width of its 95 % interval by Student's distribution; 0 for one value."""
    count = len(values)
    if count < 2:
        return fmean(values), 0.0
    return fmean(values), float(t.ppf(0.975, count - 1)) * stdev(values) / math.sqrt(count)
