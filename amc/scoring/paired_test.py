"""Two networks compared on the same images."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

NORMAL_95 = 1.96
"""Standard errors on each side of 95 % of a normal distribution."""


class Drop(NamedTuple):
    """By how much an accuracy fell, in [-1, 1], and the 95 % interval of that."""

    value: float
    low: float
    high: float


def paired_drop(before: Tensor, after: Tensor) -> Drop:
    """From what each of two networks answered right, `(images,)` bool each, image by image.

    Only images on which they differ count, so that the interval is narrower than that of two independent accuracies
    (Wald's interval for the difference of paired proportions; Agresti 2013, Categorical Data Analysis, section 11.1).
    """
    images = len(before)
    lost = int((before & ~after).sum()) / images
    won = int((after & ~before).sum()) / images
    value = lost - won
    half = NORMAL_95 * math.sqrt((lost + won - value**2) / images)
    return Drop(value, value - half, value + half)
