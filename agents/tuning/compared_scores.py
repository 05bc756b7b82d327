"""Scores of networks that are compared with each other, image by image where the metric allows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from amc.data.images import Images
from amc.graph import trace_graph
from amc.graph.inputs import Example
from amc.pruning.inference_form import for_inference
from amc.scoring.image_scores import ImageScores, score_images
from amc.scoring.metrics import Metric, find_metric, moved

BATCH = 250
"""The number of images that are scored at once."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """Scores networks of one architecture, pruned or not, on a device.

    Attributes:
        metric: The metric, as `amc.scoring.metrics.find_metric` takes it.
        example: An input `(1, ...)` on the device.
        device: The device that the networks are on.
    """

    metric: str | Metric
    example: Example
    device: torch.device

    def ready(self, network: nn.Module) -> nn.Module:
        """A copy of a network in the form that is fastest for inference."""
        return for_inference(network, trace_graph(network, self.example))

    def __call__(self, network: nn.Module, images: Images) -> ImageScores:
        """The score of a network on all images."""
        return score_images(find_metric(self.metric), self.ready(network), moved(images.batches(BATCH), self.device))
