"""The score of a network: what it is compared by, its accuracy, and its answers to single images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Answers(NamedTuple):
    """The answers of one network to all images, in the order in which images are given.

    Attributes:
        right: Whether each image is classified right, bool `(images,)`.
        losses: The loss of each image, float32 `(images,)`, not negative.
    """

    right: NDArray[np.bool_]
    losses: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Score:
    """The score of a network.

    Attributes:
        value: What networks are compared by, the larger the better; an estimate where `share` is below 1.
        share: The share of the images that were scored, in (0, 1].
        answers: The answers to all images, where images are scored one by one and all were; else None.
        accuracy: The value of the metric, an estimate as well; None where that is what networks are compared by.
    """

    value: float
    share: float = 1.0
    answers: Answers | None = None
    accuracy: float | None = None

    @property
    def metric(self) -> float:
        """The value of the metric."""
        return self.value if self.accuracy is None else self.accuracy
