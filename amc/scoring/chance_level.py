"""Whether a classifier knows more than chance: the score of its predictions if they were dealt out at random."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

ERRORS = 3.0
"""The number of standard errors by which a score may exceed chance and still be near it."""
LEAST, MOST = 0.15, 0.5
"""The bounds on that excess, as shares of the way from chance to 1. A network that counts its classes in another order
answers right where the two orders agree, which is a little more than chance."""


@dataclass(frozen=True)
class Predictions:
    """The classes that a network predicts, beside the true ones.

    Attributes:
        named: The `k` classes that it predicts for each image, `(images, k)`.
        targets: The class of each image, `(images,)`.
        classes: The number of classes that it chooses from.
    """

    named: Sequence[Sequence[int]]
    targets: Sequence[int]
    classes: int

    @property
    def chance(self) -> float | None:
        """The expected score of these predictions dealt out to the images at random, in [0, 1]; None if meaningless.

        A network that always predicts one class has just this score. Where all images are of one class, any order of
        the predictions scores the same; then predictions are drawn from all classes.
        """
        count, k = len(self.targets), len(self.named[0]) if self.named else 0
        if not 0 < k < self.classes:
            return None
        labels = Counter(self.targets)
        if len(labels) == 1:
            return k / self.classes
        named = Counter(answer for answers in self.named for answer in answers)
        return sum(times * named[label] for label, times in labels.items()) / count**2


def is_near_chance_level(score: float, chance: float, images: int) -> bool:
    """Whether a score over that many images is hardly better than chance; score and chance are in [0, 1]."""
    way = 1 - chance
    error = math.sqrt(chance * way / images)
    return score < 1 and score <= chance + min(max(ERRORS * error, LEAST * way), MOST * way)
