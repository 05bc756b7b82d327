"""The two random halves of some images: one to search on, the other to judge what was found."""

from __future__ import annotations

import numpy as np

from amc.data.images import Images
from amc.utils.errors import UserError


def halves(images: Images, seed: int) -> tuple[Images, Images]:
    """Divide images into two random halves, each in stored order; of an odd number the first half has one more.

    Args:
        images: Two images or more.
        seed: The seed of the division; equal seeds give equal halves.

    Raises:
        UserError: There are fewer than two images.
    """
    if len(images) < 2:
        raise UserError(f"expected two reward images or more, one to search on and one to judge by, got {len(images)}")
    order = np.random.default_rng(seed).permutation(len(images))
    middle = (len(images) + 1) // 2
    return images.at(np.sort(order[:middle])), images.at(np.sort(order[middle:]))
