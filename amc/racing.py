"""Scoring no more images than needed: a network that is surely worse than a good one is not scored to the end.

Candidate and reference are compared on the same images, one slice after the other. Let `d` be 1 where only the
candidate is right, -1 where only the reference is. Unless the candidate is worse over all images, the sum of `d` over
the images to come is at least what brings the sum so far back to 0, so bets against that can't be expected to win: the
product of `1 - b (d - least mean)` is a supermartingale for every stake `b`, and so is the mean over several stakes. It
exceeds 100 at any time at all with a probability of 1 % at most (Ville's inequality; betting without replacement,
Waudby-Smith and Ramdas 2021), however often one looks. Slices that have their share of every class only make it surer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Answers = NDArray[np.bool_]
"""Whether each image is classified right, in the order in which images are scored."""

STAKES = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.45])
ERROR = 0.01
"""The probability with which a network that is not worse is given up, at the most."""
PERCENTILE = 95
"""Of the scores so far: the reference is the network that is nearest to it."""
ROUND = 8
"""Scores after which the reference is chosen anew, at the least."""
FEWEST = 24
"""Networks that are scored to the end before any is not."""


@dataclass(frozen=True, eq=False)
class Score:
    """What a network scores.

    Attributes:
        value: The metric; an estimate where `share` is below 1.
        share: Of the images that it was scored on.
        answers: On each of them, where the metric is of single images and all were scored.
    """

    value: float
    share: float = 1.0
    answers: Answers | None = None


class Race:
    """A candidate against the answers of a reference."""

    def __init__(self, reference: Answers) -> None:
        self.reference = reference
        self.seen = 0
        self.lost = 0  # by how many right answers the candidate is behind; negative where it is ahead
        self._log_wealth = np.zeros(len(STAKES))
        self._most = 0.0

    def add(self, answers: Answers) -> bool:
        """Note the candidate's answers to the next images; returns whether it is surely worse than the reference."""
        seen = self.reference[self.seen : self.seen + len(answers)]
        gained = answers.astype(np.int64) - seen
        behind = self.lost - np.concatenate([[0], np.cumsum(gained)[:-1]])
        left = len(self.reference) - self.seen - np.arange(len(answers))
        least = np.minimum(behind / left, 1.0)
        bets = np.log(np.maximum(1.0 - STAKES[:, None] * (gained - least), 1e-300)).cumsum(axis=1)
        wealth = np.exp(np.minimum(self._log_wealth[:, None] + bets, 700.0)).mean(axis=0)
        self._log_wealth += bets[:, -1]
        self._most = max(self._most, float(wealth.max()))
        self.seen += len(answers)
        self.lost -= int(gained.sum())
        return self._most >= 1.0 / ERROR and self.lost > 0

    @property
    def estimate(self) -> float:
        """The candidate's share of right answers over all images, from those that were seen."""
        return float(self.reference.mean()) - self.lost / self.seen


def reference_of(scores: Sequence[Score], period: int) -> int | None:
    """Which of `scores` is the reference now: of those scored to the end, the nearest to the percentile.

    It changes only every `period` scores. None while there are too few.
    """
    known = scores[: len(scores) - len(scores) % period]
    whole = [index for index, score in enumerate(known) if score.share == 1]
    if len(whole) < FEWEST:
        return None
    wanted = np.percentile([score.value for score in known], PERCENTILE)
    return min(whole, key=lambda index: (abs(known[index].value - wanted), index))
