"""The final policies of a search, with their networks as they will be kept, and the scores of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

from torch import nn

from agents.finalist import Finalist
from agents.judgement import GoalReached
from amc.artifacts.policy import CostReached, GroupPolicy, LatencyReached
from amc.graph import KeptCounts
from amc.pruning.slicing import Selection
from amc.recovery.layer_problem import LostShares
from amc.scoring.paired_test import Drop
from amc.scoring.score import Score


@dataclass(frozen=True, eq=False, repr=False)
class ScoredPolicy:
    """A policy with its compact network and the score of that on all reward images.

    Attributes:
        kept_counts: How many units of each group are kept, `(groups,)`.
        network: The compact network, in evaluation mode.
        selection: The tensors' indices by which the original was cut.
        reward_accuracy: The score on all reward images, in [0, 1] for accuracies.
        reward_score: What it is compared by on all reward images, where that is not the metric; else None.
        lost: The share of layers' outputs that is lost on calibration images that layers were solved on, and on others;
            None where there are plenty of images, or layers were not solved one after the other.
    """

    kept_counts: KeptCounts
    network: nn.Module
    selection: Selection
    reward_accuracy: float
    reward_score: float | None = None
    lost: LostShares | None = None

    @classmethod
    def of(
        cls,
        kept_counts: KeptCounts,
        network: nn.Module,
        selection: Selection,
        found: Score,
        lost: LostShares | None = None,
    ) -> Self:
        """The policy with a network that was found to have this score on all reward images."""
        compared = None if found.accuracy is None else found.value
        return cls(kept_counts, network, selection, found.metric, compared, lost)

    @property
    def value(self) -> float:
        """What it is compared by on all reward images."""
        return self.reward_accuracy if self.reward_score is None else self.reward_score

    def __repr__(self) -> str:
        """Return the kept units and the score in a line."""
        return (
            f"<ScoredPolicy: {self.kept_counts.sum():,} units kept in {len(self.kept_counts)} groups, score"
            f" {self.reward_accuracy:.4f} on reward images>"
        )


@dataclass(frozen=True, eq=False, repr=False)
class FinalResult:
    """The policy that is kept, and beside it the ones it has to beat; all are scored on all reward images.

    Attributes:
        original_accuracy: The score of the original network.
        uniform: The policy that keeps the same share of every group.
        zero_shot: The policy of a trained agent before it learned on this network; None where no agent was applied.
        policy: The policy that is kept.
        finalists: The policies that it was chosen among, the best one of the search first.
        groups: The decisions of that policy.
        costs: The costs before and after, by kind.
        recovery: The name of the closed form that all these networks were made with.
        recovery_scores: The score of each closed form that it was chosen among, with the best policy of the search;
            none where the user chose.
        latency: The measured latency; None where the search did not know it.
        goal: What came of a largest drop in place of a budget; None where none was asked for.
        untrained: The policy that is kept with its network in closed form, as the others are, before it was trained by
            gradients; None where it was not.
    """

    original_accuracy: float
    uniform: ScoredPolicy
    zero_shot: ScoredPolicy | None
    policy: ScoredPolicy
    finalists: tuple[Finalist, ...]
    groups: tuple[GroupPolicy, ...]
    costs: dict[str, CostReached]
    recovery: str
    recovery_scores: dict[str, float]
    latency: LatencyReached | None = None
    goal: GoalReached | None = None
    untrained: ScoredPolicy | None = None

    def __repr__(self) -> str:
        """Return the scores in a line."""
        return (
            f"<FinalResult on reward images: original {self.original_accuracy:.4f}, uniform"
            f" {self.uniform.reward_accuracy:.4f}, found {self.policy.reward_accuracy:.4f}; best of"
            f" {len(self.finalists)} finalists>"
        )


class OnTest(NamedTuple):
    """The scores of the networks of a `FinalResult` on the test images, in [0, 1] for accuracies.

    Attributes:
        original, uniform, zero_shot, policy: The scores; that of `zero_shot` is None where no agent was applied.
        drop: The fall from the original to the kept policy, image by image; None for metrics other than top1 and top5.
        difference_to_uniform: The gain of the kept policy over the uniform one, likewise; before it was trained by
            gradients, since the uniform one is not.
        untrained: The score of the kept policy before it was trained by gradients; None where it was not.
    """

    original: float
    uniform: float
    zero_shot: float | None
    policy: float
    drop: Drop | None = None
    difference_to_uniform: Drop | None = None
    untrained: float | None = None

    @property
    def gain_over_uniform(self) -> float:
        """By how much the kept policy scores more than the uniform one, both in closed form."""
        return (self.policy if self.untrained is None else self.untrained) - self.uniform
