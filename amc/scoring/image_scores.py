"""The score of a network with what it came to on each image, so that two networks can be compared image by image."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from amc.graph.inputs import tensors
from amc.scoring.metrics import Batches, Metric, answered_right, top_k
from amc.scoring.paired_test import Drop, paired_drop


class ImageScores(NamedTuple):
    """A score, in [0, 1] for accuracies, and for top1 and top5 whether each image was answered right.

    Attributes:
        value: The value of the metric.
        right: Whether each image was answered right, `(images,)` bool; None for metrics other than top1 and top5.
        are_finite: Whether all inputs were finite numbers; else the score means nothing.
    """

    value: float
    right: Tensor | None
    are_finite: bool = True

    def drop_to(self, other: ImageScores) -> Drop | None:
        """How much less another network scores on the same images, with its interval; None for other metrics."""
        if self.right is None or other.right is None:
            return None
        return paired_drop(self.right, other.right)


def score_images(
    metric: Metric, network: nn.Module, batches: Batches, fast: Callable[[Tensor], Tensor] | None = None
) -> ImageScores:
    """Score a network in one pass over images; what it scores is what the metric gives.

    Args:
        metric: The metric.
        network: The network in evaluation mode.
        batches: Inputs and targets, on the device of the network.
        fast: A function that computes what the network does, sooner; it is run where the metric counts images.
    """
    found: list[Tensor] = []
    k, noted = top_k(metric), _noted(batches, found)
    right = None if k is None else answered_right(fast or network, noted, k)
    value = metric(network, noted) if right is None else int(right.sum()) / len(right)
    return ImageScores(value, right, all(map(bool, found)))


def _noted(batches: Batches, found: list[Tensor]) -> Batches:
    """The batches; whether the inputs of each are finite numbers is added to `found`, without waiting for a device."""
    for inputs, targets in batches:
        found += [torch.isfinite(each).all() for each in tensors(inputs) if each.is_floating_point()]
        yield inputs, targets
