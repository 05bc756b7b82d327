"""Scoring no more images than needed: a network that is surely worse than a good one is not scored to the end.

Images are scored in a random order in which those come first that tell most: where the losses of a panel of networks
differ, the next one's may be anything; where all agree, it hardly surprises. After each image, what the candidate lost
so far, the panel's mean losses on the images to come, and this loss against the panel's, weighed by how likely the
image was to be drawn, together estimate the candidate's sum of losses; the estimate is unbiased. So bets that it stays
above the reference's sum can't be expected to win unless the candidate is worse: their winnings are a supermartingale
for every stake, and so is the mean over several stakes. It exceeds 100 at any time at all with a probability of 1 % at
most (Ville's inequality), however often one looks. Losses need a lower bound for that, which is 0, and no upper one.
Sampling by weight without replacement, with what is known before as a control variate: Shekhar et al., "Risk-limiting
financial audits via weighted sampling without replacement" (UAI 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.scoring.score import Answers, Score

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
LOOKS = 20
"""The number of times that a race looks whether a candidate is given up, at the most."""
LEAST_WEIGHT = 0.1
"""The weight of an image that all of a panel agree on, over the largest deviation of any image's loss."""
LEAST = 1e-9
"""The least value of a divisor."""
TO_THE_END = 0.9
"""The share of the images after which no candidate is given up."""


@dataclass(frozen=True, eq=False)
class RaceReference:
    """A good network that candidates are raced against.

    Attributes:
        lost: The sum of the reference's losses.
        losses: The loss of a candidate on each image, as far as is known before, `(images,)`.
        right: The probability that a candidate classifies each image right, likewise, `(images,)`.
        deviations: The deviation of a candidate's loss on each image, likewise, `(images,)`.
        order: The order in which images are scored, int64 `(images,)`.
    """

    lost: float
    losses: NDArray[np.float64]
    right: NDArray[np.float64]
    deviations: NDArray[np.float64]
    order: NDArray[np.int64]

    @classmethod
    def from_panel(cls, panel: Sequence[Answers], seed: int) -> RaceReference:
        """A reference from the answers of a panel, whose first network it is; the order is drawn by `seed`."""
        losses = np.stack([answers.losses for answers in panel]).astype(np.float64)
        expected = _expected(losses)
        deviations = np.sqrt(np.maximum(_expected(losses**2) - expected**2, 0.0))
        drawn = np.random.default_rng(seed).exponential(size=len(expected)) / _weights(deviations)
        right = _expected(np.stack([answers.right for answers in panel]).astype(np.float64))
        return cls(float(losses[0].sum()), expected, right, deviations, np.argsort(drawn, kind="stable"))


class Race:
    """A candidate that is compared with a reference while its images are scored.

    Args:
        race_reference: The reference, with the order of the images.

    Attributes:
        seen: The number of images that were scored so far.
    """

    def __init__(self, race_reference: RaceReference) -> None:
        order = race_reference.order
        deviations = race_reference.deviations[order]
        weights = _weights(deviations)
        to_come = _sums_to_come(weights)
        factors = to_come / weights
        self._wanted = race_reference.lost
        self._losses = _Estimates(race_reference.losses[order], factors)
        self._right = _Estimates(race_reference.right[order], factors)
        self._deviations = np.sqrt(to_come * _sums_to_come(deviations**2 / weights)) + LEAST
        surprises = np.maximum.accumulate((race_reference.losses[order] / weights)[::-1])[::-1]
        self._lowest = _sums_to_come(race_reference.losses[order]) - surprises * to_come
        self.seen = 0
        self._log_wealth = np.zeros(len(STAKES))

    def add(self, answers: Answers) -> bool:
        """Add the candidate's answers to the next images, and return whether it is surely worse than the reference."""
        part = slice(self.seen, self.seen + len(answers.losses))
        before, estimates = self._losses.add(answers.losses.astype(np.float64))
        self._right.add(answers.right.astype(np.float64))
        most = np.maximum(self._wanted - before - self._lowest[part], LEAST)
        stakes = np.minimum(STAKES[:, None] / self._deviations[part], LARGEST_STAKE / most)
        self._log_wealth += np.log1p(stakes * (estimates - self._wanted)).sum(axis=1)
        wealth = float(np.exp(np.minimum(self._log_wealth, 700.0)).mean())
        self.seen += len(answers.losses)
        is_worse = wealth >= 1.0 / ERROR and self.mean_loss > self._wanted / len(self._deviations)
        return is_worse and self.seen < TO_THE_END * len(self._deviations)

    @property
    def mean_loss(self) -> float:
        """The candidate's mean loss over all images, estimated without bias from those that were seen."""
        return self._losses.mean

    @property
    def accuracy(self) -> float:
        """The candidate's accuracy over all images in [0, 1], estimated likewise, and brought into that."""
        return min(max(self._right.mean, 0.0), 1.0)


class _Estimates:
    """Estimates of a mean over all images after each one that is seen.

    Args:
        expected: What is expected of each image, in the order in which they come, `(images,)`.
        factors: The inverse of the probability with which each was drawn among those to come, `(images,)`.
    """

    def __init__(self, expected: NDArray[np.float64], factors: NDArray[np.float64]) -> None:
        self._expected, self._factors = expected, factors
        self._to_come = _sums_to_come(expected)
        self._seen, self._sum, self._sum_of_estimates = 0, 0.0, 0.0

    def add(self, found: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What was found on all images before each new one, and the estimates of the sum over all, `(n,)` both."""
        part = slice(self._seen, self._seen + len(found))
        before = self._sum + np.cumsum(found) - found
        estimates = before + self._to_come[part] + (found - self._expected[part]) * self._factors[part]
        self._sum_of_estimates += float(estimates.sum())
        self._seen += len(found)
        self._sum += float(found.sum())
        return before, estimates

    @property
    def mean(self) -> float:
        """The mean over all images: exact once all are seen, else the mean of the estimates so far."""
        total = self._sum if self._seen == len(self._expected) else self._sum_of_estimates / self._seen
        return total / len(self._expected)


def run_race(
    race_reference: RaceReference, batch_size: int, answers_at: Callable[[NDArray[np.int64]], Answers]
) -> tuple[Race, Answers | None]:
    """A race to its end, and the answers to all images; None where the candidate was given up.

    Args:
        race_reference: What the candidate is compared with.
        batch_size: The number of images that are scored at once; one looks after a multiple of it.
        answers_at: The candidate's answers to the images at some places.
    """
    race, order = Race(race_reference), race_reference.order
    found = Answers(np.empty(len(order), dtype=np.bool_), np.empty(len(order), dtype=np.float32))
    between = -(-len(order) // (LOOKS * batch_size)) * batch_size
    for places in np.split(order, range(between, len(order), between)):
        part = answers_at(places)
        found.right[places], found.losses[places] = part
        if race.add(part):
            return race, None
    return race, found


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


def _expected(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """What to expect of a candidate on each image, from a panel `(networks, images)` and the mean over all images."""
    expected: NDArray[np.float64] = (found.sum(axis=0) + found.mean()) / (len(found) + 1)
    return expected


def _weights(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weight with which each image is drawn: the deviation of a candidate's loss, and a little more."""
    return deviations + max(LEAST_WEIGHT * float(deviations.max(initial=0.0)), LEAST)


def _sums_to_come(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the values from each place on, `(images,)`."""
    return np.cumsum(values[::-1])[::-1]
