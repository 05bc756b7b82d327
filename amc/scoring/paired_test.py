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

    Only images on which they differ count, so that the interval is narrower than that of two independent accuracies
    (Wald's interval for the difference of paired proportions; Agresti 2013, Categorical Data Analysis, section 11.1).

    Args:
        before: Whether the first network classifies each image right, `(images,)` bool.
        after: Whether the second one does, `(images,)` bool, of the same images.
    """
    images = len(before)
    lost = int((before & ~after).sum()) / images
    won = int((after & ~before).sum()) / images
    value = lost - won
    half = NORMAL_95 * math.sqrt((lost + won - value**2) / images)
    return Drop(value, value - half, value + half)
