"""Scores of networks that are compared with each other, image by image where the metric allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from agents.report import number_format
from amc.data.images import Images
from amc.graph import trace_graph
from amc.graph.inputs import Example
from amc.pruning.inference_form import for_inference
from amc.scoring.metrics import answered_right, find_metric, moved, top_k
from amc.scoring.paired_test import Drop, paired_drop

BATCH = 250


class Score(NamedTuple):
    """A score, in [0, 1] for accuracies, and for top1 and top5 whether each image was answered right.

    Attributes:
        value: The value of the metric.
        right: Whether each image was answered right, `(images,)` bool; None for metrics other than top1 and top5.
    """

    value: float
    right: Tensor | None

    def drop_to(self, other: Score) -> Drop | None:
        """How much less another network scores, in [-1, 1], with its interval; None for other metrics."""
        if self.right is None or other.right is None:
            return None
        return paired_drop(self.right, other.right)


@dataclass(frozen=True, eq=False)
class Scoring:
    """Scores networks of one architecture, pruned or not, on a device.

    Attributes:
        metric: The metric, by the name that `--metric` takes.
        example: An input `(1, ...)` on the device.
        device: The device that the networks are on.
    """

    metric: str
    example: Example
    device: torch.device

    def ready(self, network: nn.Module) -> nn.Module:
        """A copy of a network in the form that is fastest for inference."""
        return for_inference(network, trace_graph(network, self.example))

    def __call__(self, network: nn.Module, images: Images) -> Score:
        """The score of a network on all images."""
        batches = moved(images.batches(BATCH), self.device)
        metric = find_metric(self.metric)
        k = top_k(metric)
        if k is None:
            return Score(metric(self.ready(network), batches), None)
        right = answered_right(self.ready(network), batches, k)
        return Score(int(right.sum()) / len(right), right)

    def shown(self, value: float) -> str:
        """A score as it is printed, in percent for accuracies."""
        return number_format.score(self.metric, value)
