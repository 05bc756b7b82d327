"""The final policies of a search, with their networks as they will be kept, and the scores of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from amc.artifacts.policy import CostReached, GroupPolicy, LatencyReached
from amc.graph import KeptCounts
from amc.pruning.slicing import Selection


@dataclass(frozen=True, eq=False)
class ScoredPolicy:
    """A policy with its compact network and the score of that on all reward images.

    Attributes:
        kept_counts: How many units of each group are kept, `(groups,)`.
        network: The compact network, in evaluation mode.
        selection: The tensors' indices by which the original was cut.
        reward_accuracy: The score on all reward images, in [0, 1] for accuracies.
    """

    kept_counts: KeptCounts
    network: nn.Module
    selection: Selection
    reward_accuracy: float


@dataclass(frozen=True, eq=False)
class FinalResult:
    """The policy that is kept, and beside it the ones it has to beat; all are scored on all reward images.

    Attributes:
        original_accuracy: The score of the original network.
        uniform: The policy that keeps the same share of every group.
        zero_shot: The policy of a trained agent before it learned on this network; None where no agent was applied.
        policy: The policy that is kept.
        groups: The decisions of that policy.
        costs: The costs before and after, by kind.
        latency: The measured latency; None where the search did not know it.
    """

    original_accuracy: float
    uniform: ScoredPolicy
    zero_shot: ScoredPolicy | None
    policy: ScoredPolicy
    groups: tuple[GroupPolicy, ...]
    costs: dict[str, CostReached]
    latency: LatencyReached | None = None


class OnTest(NamedTuple):
    """The scores of the networks of a `FinalResult` on the test images, in [0, 1] for accuracies."""

    original: float
    uniform: float
    zero_shot: float | None
    policy: float
