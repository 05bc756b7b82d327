"""Whether a classifier knows more than chance: what its answers would score if they were dealt out at random."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

ERRORS = 3.0
"""Standard errors of a share over the images, by which a score may exceed chance and still be near it."""
LEAST, MOST = 0.15, 0.5
"""At the least and at the most such a score lies this share of the way from chance to 1 above chance. A network that
counts its classes in another order answers right where the two orders agree, which is a little more than chance."""


@dataclass(frozen=True)
class Predictions:
    """What a network answered.

    Attributes:
        named: The classes that it named for each image, `k` of `classes` for each: `(images, k)`.
        targets: The class of each image, `(images,)`.
        classes: Between how many it chose.
    """

    named: Sequence[Sequence[int]]
    targets: Sequence[int]
    classes: int

    @property
    def chance(self) -> float | None:
        """The expected score of these answers dealt out to the images at random, in [0, 1]; None where it says nothing.

        A network that always gives one answer has just this score. Where all images are of one class, any order of the
        answers scores the same; then the answers are drawn from all classes.
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
    """Whether a score over so many images is hardly better than chance; both are in [0, 1]."""
    way = 1 - chance
    error = math.sqrt(chance * way / images)
    return score < 1 and score <= chance + min(max(ERRORS * error, LEAST * way), MOST * way)
