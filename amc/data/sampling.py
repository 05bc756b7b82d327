"""Drawing some of many images."""

import numpy as np
import numpy.typing as npt

from amc.utils.errors import UserError

Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]


def stratified(labels: Labels, count: int, seed: int) -> Indices:
    """Draw positions such that every class has its share, to within one image.

    Shares are rounded by largest remainders; which images of a class, and the order of all of
    them, are random.

    Args:
        labels: the class of each image [N]; all equal where classes are unknown.
        count: how many to draw.
        seed: equal seeds draw equal images.

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
