"""What networks are scored by: the metric, and what they are compared by where that is not the metric."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from amc.scoring.metrics import Metric


@dataclass(frozen=True, eq=False)
class ScoredBy:
    """What networks are scored by.

    Attributes:
        metric: The metric.
        score: What networks are compared by, in `amc.scoring.image_losses.IMAGE_LOSSES`; `accuracy` for the metric
            itself, whichever that is.
        original: The original network in evaluation mode, which `fidelity` compares with.
    """

    metric: Metric
    score: str
    original: nn.Module
