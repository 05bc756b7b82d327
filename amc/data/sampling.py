"""Random samples in which every class has its share."""

import numpy as np
import numpy.typing as npt

from amc.utils.errors import UserError

Indices = npt.NDArray[np.int64]
"""Positions of images, int64 [n]."""
Labels = npt.NDArray[np.int64]
"""The class of each image, int64 [N]."""


def stratified(labels: Labels, count: int, seed: int) -> Indices:
    """Draw positions such that every class has its share, to within one image.

    Shares are rounded by largest remainders; which images of a class are drawn, and the order of all of them, is
    random.

    Args:
        labels: The class of each image [N]; all equal where classes are unknown.
        count: How many to draw.
        seed: Seed of the draw.

    Returns:
        Positions in `labels`, each at most once [count].

    Raises:
        UserError: `count` is not within 1 and N.
    """
    if not 1 <= count <= len(labels):
        raise UserError(f"expected a number of images from 1 to {len(labels)}, got {count}")
    rng = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    shares = count * sizes / len(labels)
    quotas = np.floor(shares).astype(np.int64)
    by_remainder = np.argsort(quotas - shares, kind="stable")
    quotas[by_remainder[: count - quotas.sum()]] += 1
    drawn = [
        rng.choice(np.flatnonzero(labels == label), quota, replace=False)
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))
