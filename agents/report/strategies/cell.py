"""One search among those by which strategies are compared, as its file in the folder of the comparison holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from amc.artifacts.checked_json import Count, Size

SCHEMA = 1
"""The version of the format of a cell's file."""


class CellKey(NamedTuple):
    """What tells a search from the others of a comparison.

    Attributes:
        strategy: The name of the strategy.
        budget: The budget; several that hold at once have commas between them.
        seed: The seed of the halves, of calibration images and of everything that is drawn.
    """

    strategy: str
    budget: str
    seed: int


@dataclass(frozen=True)
class HalfScores:
    """The scores of one network, in [0, 1] for accuracies.

    Attributes:
        searched: On the half of the reward images that policies were searched on.
        judged: On the other half, which no search sees.
        test: On the test images.
    """

    searched: float
    judged: float
    test: float


@dataclass(frozen=True)
class Reached:
    """The score of the best policy so far.

    Attributes:
        evaluations: The number of policies that were scored until then.
        seconds: The seconds of searching until then.
        score: Its score.
    """

    evaluations: Size
    seconds: float
    score: float


@dataclass(frozen=True)
class Cell:
    """A finished search.

    Attributes:
        strategy, budget, seed: Its key.
        images: The digest of its calibration images and of the half that it searched on.
        machine: The processor that it ran on, which its seconds depend on.
        evaluations: The number of policies that were scored.
        seconds: The seconds of the search, without the judging.
        recovery: The recovery of the networks that were kept.
        kept_counts: How many units of each group the found policy keeps.
        left: The share of each kind of cost that the found policy leaves.
        original, uniform, found: The scores of the original, of the uniform policy and of the one that was found.
        best_so_far: Each policy that was the best until then, as the search scored it.
        judged: The best policy so far after 1, 2, 4, ... evaluations and at the end, made as it would be kept and
            scored on the other half.
    """

    strategy: str
    budget: str
    seed: Count
    images: str
    machine: str
    evaluations: Size
    seconds: float
    recovery: str
    kept_counts: tuple[Size, ...]
    left: Mapping[str, float]
    original: HalfScores
    uniform: HalfScores
    found: HalfScores
    best_so_far: tuple[Reached, ...]
    judged: tuple[Reached, ...]

    @property
    def key(self) -> CellKey:
        """What tells the search from the others."""
        return CellKey(self.strategy, self.budget, self.seed)
