"""The choice of the closed form of recovery that is best on a network: each is made once and scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from amc.pruning.slicing import Selection
from amc.scoring.paired_test import paired_drop
from amc.scoring.score import Score
from amc.utils.defaults import CLOSED_FORMS


@dataclass(frozen=True, eq=False)
class RecoveryChoice:
    """The recovery with the best metric among `CLOSED_FORMS`, each made for the same policy.

    Attributes:
        recovery: The name of the best.
        scores: The score of each by name, on the same images.
        network: The compact network of the policy that the best made.
        selection: The tensors' indices by which the original was cut.
    """

    recovery: str
    scores: Mapping[str, Score]
    network: nn.Module
    selection: Selection

    @property
    def score(self) -> Score:
        """The score of the best."""
        return self.scores[self.recovery]

    @property
    def for_many(self) -> str:
        """The recovery for networks that are made by the hundred: the quickest where the best is not surely better.

        That is where the 95 % interval of the difference on the same images lies above 0, or where images are not
        scored one by one, where the metric is larger.
        """
        best, quickest = self.score.answers, self.scores[CLOSED_FORMS[-1]].answers
        if best is None or quickest is None:
            return self.recovery
        drop = paired_drop(torch.from_numpy(best.right), torch.from_numpy(quickest.right))
        return self.recovery if drop.low > 0 else CLOSED_FORMS[-1]


def choose_recovery(
    make: Callable[[str], tuple[nn.Module, Selection]],
    score: Callable[[nn.Module], Score],
    tell: Callable[[str], None] = lambda _: None,
) -> RecoveryChoice:
    """Make the network of one policy with each of `CLOSED_FORMS`, and choose the one with the best metric.

    Args:
        make: Makes the compact network with the recovery of that name, and its selection.
        score: Scores a network, always on the same images.
        tell: Is told the name of each recovery before it is tried.
    """
    made, scores = {}, {}
    for recovery in CLOSED_FORMS:
        tell(recovery)
        made[recovery] = make(recovery)
        scores[recovery] = score(made[recovery][0])
    best = max(scores, key=lambda each: scores[each].metric)
    return RecoveryChoice(best, scores, *made[best])
