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
    """A score, and for top1 and top5 whether each image was answered right, `(images,)` bool."""

    value: float
    right: Tensor | None

    def drop_to(self, other: Score) -> Drop | None:
        """By how much another network scores less, in [-1, 1]; None for metrics other than top1 and top5."""
        if self.right is None or other.right is None:
            return None
        return paired_drop(self.right, other.right)


@dataclass(frozen=True, eq=False)
class Scoring:
    """How networks are scored.

    Attributes:
        metric: As `--metric` names it.
        example: An input `(1, ...)` on the device.
        device: Where networks are.
    """

    metric: str
    example: Example
    device: torch.device

    def ready(self, network: nn.Module) -> nn.Module:
        """A copy for fast inference."""
        return for_inference(network, trace_graph(network, self.example))

    def __call__(self, network: nn.Module, images: Images) -> Score:
        """The score on all images."""
        batches = moved(images.batches(BATCH), self.device)
        metric = find_metric(self.metric)
        k = top_k(metric)
        if k is None:
            return Score(metric(self.ready(network), batches), None)
        right = answered_right(self.ready(network), batches, k)
        return Score(int(right.sum()) / len(right), right)

    def shown(self, value: float) -> str:
        """A score as it is printed."""
        return number_format.score(self.metric, value)
