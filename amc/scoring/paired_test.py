"""The difference in accuracy of two networks on the same images, with its confidence interval."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

NORMAL_95 = 1.96
"""The number of standard errors to each side of the mean that hold 95 % of a normal distribution."""


class Drop(NamedTuple):
    """The fall of an accuracy in [-1, 1], and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def paired_drop(before: Tensor, after: Tensor) -> Drop:
    """The fall of the accuracy from one network to another.

    Only images on which they differ count, so that the interval is narrower than that of two independent accuracies. It
    is Wald's for the difference of paired proportions, with a continuity correction: one image to each side (Fleiss
    1981, Statistical Methods for Rates and Proportions; Newcombe 1998, Statistics in Medicine 17, method 2). Without
    that, 4 images won and none lost would tell two networks apart, which 1 pair of equal ones in 8 comes to.

    Args:
        before: Whether the first network classifies each image right, `(images,)` bool.
        after: Whether the second one does, `(images,)` bool, of the same images.
    """
    images = len(before)
    lost = int((before & ~after).sum()) / images
    won = int((after & ~before).sum()) / images
    value = lost - won
    half = NORMAL_95 * math.sqrt((lost + won - value**2) / images)
    half += 1 / images
    return Drop(value, max(value - half, -1.0), min(value + half, 1.0))
