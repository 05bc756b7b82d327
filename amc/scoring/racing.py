"""Scoring no more images than needed: a network that is surely worse than a good one is not scored to the end.

Images are scored in a random order in which those come first that tell most: where the networks of a panel disagree,
the next one may be right or wrong; where all agree, it hardly surprises. After each image, what the candidate answered
so far, the panel's shares on the images to come, and this answer against its share, weighed by how likely the image was
to be drawn, together estimate how many images the candidate answers right; the estimate is unbiased. So bets that it
stays below the reference's number can't be expected to win unless the candidate is worse: their winnings are a
supermartingale for every stake, and so is the mean over several stakes. It exceeds 100 at any time at all with a
probability of 1 % at most (Ville's inequality), however often one looks. Sampling by weight without replacement, with
what is known before as a control variate: Shekhar et al., "Risk-limiting financial audits via weighted sampling without
replacement" (UAI 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Answers = NDArray[np.bool_]
"""Whether each image is classified right, `(images,)` bool, in the order in which images are given."""

STAKES = np.array([0.06, 0.12, 0.25])
"""The stakes of the bets, in inverse standard deviations of an estimate."""
LARGEST_STAKE = 0.9
"""The share of the wealth that may be lost at once."""
ERROR = 0.01
"""The probability with which a network that is not worse is given up, at the most."""
PERCENTILE = 95
"""The percentile of all scores so far; the reference is the network that is nearest to it."""
ROUND = 8
"""The number of scores after which reference and panel are chosen anew, at the least."""
PANEL = 24
"""The number of networks of a panel, at the most."""
FEWEST = 8
"""The number of networks of a panel, at the least; before there are as many, all networks are scored to the end."""
LEAST_WEIGHT = 0.05
"""The weight of an image that all of a panel agree on; the largest weight is 0.5 more."""
LEAST = 1e-9
"""The least value of a divisor."""
TO_THE_END = 0.9
"""The share of the images after which no candidate is given up."""


@dataclass(frozen=True, eq=False)
class Score:
    """The score of a network.

    Attributes:
        value: The metric; an estimate where `share` is below 1.
        share: The share of the images that were scored, in (0, 1].
        answers: The answers on all images, where the metric is of single images and all were scored; else None.
    """

    value: float
    share: float = 1.0
    answers: Answers | None = None


@dataclass(frozen=True, eq=False)
class RaceReference:
    """A good network that candidates are raced against.

    Attributes:
        right: The number of images that the reference classifies right.
        chances: The probability that a candidate classifies each image right, as far as is known before, `(images,)`.
        order: The order in which images are scored, int64 `(images,)`.
    """

    right: int
    chances: NDArray[np.float64]
    order: NDArray[np.int64]

    @classmethod
    def from_panel(cls, panel: Sequence[Answers], seed: int) -> RaceReference:
        """A reference from the answers of a panel, whose first network it is; the order is drawn by `seed`."""
        answers = np.stack(panel)
        chances = (answers.sum(axis=0) + answers.mean()) / (len(answers) + 1)
        drawn = np.random.default_rng(seed).exponential(size=len(chances)) / _weights(chances)
        return cls(int(answers[0].sum()), chances, np.argsort(drawn, kind="stable"))


class Race:
    """A candidate that is compared with a reference while its images are scored.

    Args:
        race_reference: The reference, with the order of the images.

    Attributes:
        seen: The number of images that were scored so far.
        right: The number of those that were classified right.
    """

    def __init__(self, race_reference: RaceReference) -> None:
        chances = race_reference.chances[race_reference.order]
        weights = _weights(chances)
        self._wanted = race_reference.right
        self._chances = chances
        self._expected = _sums_to_come(chances)
        to_come = _sums_to_come(weights)
        self._factors = to_come / weights
        self._deviations = np.sqrt(to_come * _sums_to_come(chances * (1 - chances) / weights)) + LEAST
        surprises = np.maximum.accumulate(((1 - chances) / weights)[::-1])[::-1]
        self._highest = surprises * to_come + self._expected
        self.seen = 0
        self.right = 0
        self._log_wealth = np.zeros(len(STAKES))
        self._estimates = 0.0

    def add(self, answers: Answers) -> bool:
        """Add the candidate's answers to the next images, and return whether it is surely worse than the reference."""
        part = slice(self.seen, self.seen + len(answers))
        before = self.right + np.cumsum(answers) - answers
        estimates = before + self._expected[part] + (answers - self._chances[part]) * self._factors[part]
        most = np.maximum(before + self._highest[part] - self._wanted, LEAST)
        stakes = np.minimum(STAKES[:, None] / self._deviations[part], LARGEST_STAKE / most)
        self._log_wealth += np.log1p(stakes * (self._wanted - estimates)).sum(axis=1)
        wealth = float(np.exp(np.minimum(self._log_wealth, 700.0)).mean())
        self._estimates += float(estimates.sum())
        self.seen += len(answers)
        self.right += int(answers.sum())
        is_worse = wealth >= 1.0 / ERROR and self.estimate < self._wanted / len(self._chances)
        return is_worse and self.seen < TO_THE_END * len(self._chances)

    @property
    def estimate(self) -> float:
        """The candidate's accuracy over all images in [0, 1], estimated without bias from those that were seen."""
        if self.seen == len(self._chances):
            return self.right / self.seen
        return self._estimates / self.seen / len(self._chances)


def choose_panel(scores: Sequence[Score], period: int) -> list[int]:
    """The positions in `scores` of the panel: those scored to the end nearest to the percentile, nearest first.

    The panel changes only every `period` scores; it is empty while there are too few of them.
    """
    known = scores[: len(scores) - len(scores) % period]
    whole = [index for index, score in enumerate(known) if score.share == 1]
    if len(whole) < FEWEST:
        return []
    wanted = np.percentile([score.value for score in known], PERCENTILE)
    return sorted(whole, key=lambda index: (abs(known[index].value - wanted), index))[:PANEL]


def _weights(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weight with which each image is drawn: the standard deviation of a candidate's answer, and a little more."""
    weights: NDArray[np.float64] = np.sqrt(chances * (1 - chances)) + LEAST_WEIGHT
    return weights


def _sums_to_come(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the values from each place on, `(images,)`."""
    return np.cumsum(values[::-1])[::-1]
