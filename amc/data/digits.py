"""The 1,797 handwritten digits that come with scikit-learn (8 x 8 pixels, 17 levels of grey).

https://archive.ics.uci.edu/dataset/80
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from amc.data.dataset import PixelDataset
from amc.data.preprocess import DIGITS, Preprocess
from amc.data.sampling import Labels
from amc.data.unsplit_data import UnsplitData

LEVELS = 16  # the darkest pixel
"""The darkest level of grey."""


def digits(preprocess: Preprocess | None) -> UnsplitData:
    """Return half of the digits to train, a quarter each for val and test, with every class in its share.

    The division is the same in every run, since the packaged weights were trained on its first half: of each class, in
    stored order, two digits go to train, one to val and one to test.
    """
    pixels, labels = _read()
    turn = _order_in_class(labels) % 4
    chosen = {"train": turn < 2, "val": turn == 2, "test": turn == 3}
    return UnsplitData(
        {name: PixelDataset(pixels[mask], labels[mask], preprocess or DIGITS) for name, mask in chosen.items()},
        class_names=tuple(str(digit) for digit in range(10)),
    )


@functools.cache
def _read() -> tuple[NDArray[np.uint8], Labels]:
    """The images, uint8 `(N, 8, 8)`, and their digits, read once by a process: they are text, which takes a while."""
    from sklearn.datasets import load_digits  # takes a second, for the digits alone

    raw, targets = load_digits(return_X_y=True)
    return np.rint(raw.reshape(-1, 8, 8) * (255 / LEVELS)).astype(np.uint8), targets.astype(np.int64)


def _order_in_class(labels: Labels) -> Labels:
    """Return how many images of the same class come before each image [N]."""
    order = np.zeros_like(labels)
    for label in np.unique(labels):
        order[labels == label] = np.arange(np.count_nonzero(labels == label))
    return order
