"""What images that no strategy sees say of the networks that a search for the least cost finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from agents.finalist import Finalist
from amc.artifacts.checked_json import Count
from amc.scoring.number_format import score_drop


class ScoreDrop(NamedTuple):
    """How much less a network scores than the original on the same images, in [-1, 1] for accuracies.

    Attributes:
        value: The score of the original less that of the network.
        interval: The ends of the 95 % interval, from the images on which the two differ; None where the metric does not
            count images.
    """

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Judgement:
    """What came of one of the budgets of a search for the least one; it is written as JSON.

    Attributes:
        budget: The budget, such as `macs=0.5`.
        episode: The index of the episode whose policy was judged, the best of the budget.
        finalists: The policies of the budget that were made as they would be kept.
        cost: The cost of the judged policy, of the kind that is to be least.
        drop: Its drop on the reward images, which the search sees.
        judged: Its drop on the judging images; None where that on the others is too large already.
        holds: Whether both are small enough.
        recovery: The name of the recovery that these networks were made with.
        recovery_scores: The score of each closed form that it was chosen among, by name.
    """

    budget: tuple[str, ...]
    episode: Count
    finalists: tuple[Finalist, ...]
    cost: float
    drop: ScoreDrop
    judged: ScoreDrop | None
    holds: bool
    recovery: str
    recovery_scores: Mapping[str, float]

    @property
    def is_passed_over(self) -> bool:
        """Whether the network is good enough on the reward images, but not on the judging images."""
        return self.judged is not None and not self.holds

    def in_words(self, metric: str) -> str:
        """The drops by the metric of that name, and where they were measured."""
        unseen = "" if self.judged is None else f", {score_drop(metric, self.judged.value)} on the judging images"
        return f"{' '.join(self.budget)} loses {score_drop(metric, self.drop.value)} on the reward images{unseen}"


@dataclass(frozen=True)
class GoalReached:
    """What came of a search for the cheapest network that is good enough.

    Attributes:
        max_drop: The largest drop of the score that was allowed, in [0, 1] for accuracies.
        minimise: The kind of cost that was to be least.
        judgements: What came of each budget, in the order in which they were tried.
        kept: The place of the one whose policy is kept.
    """

    max_drop: float
    minimise: str
    judgements: tuple[Judgement, ...]
    kept: int

    @property
    def drop(self) -> ScoreDrop:
        """By how much the policy that is kept scores less than the original on the judging images."""
        drop = self.judgements[self.kept].judged
        assert drop is not None, "it holds"
        return drop

    @property
    def passed_over(self) -> int:
        """How many cheaper networks were good enough on the reward images, but not on the judging images."""
        cost = self.judgements[self.kept].cost
        return sum(each.is_passed_over and each.cost < cost for each in self.judgements)
