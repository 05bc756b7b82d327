"""What is fine-tuned: a compact network with its original and its images, from wherever they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import nn

from agents.tuning.compared_scores import Scoring
from amc.artifacts.digests import images_digest, weights_digest
from amc.artifacts.policy import Policy
from amc.data.load import Splits
from amc.scoring.metrics import Metric, check_runs, compares_outputs, moved_inputs
from amc.scoring.original_outputs import with_original_outputs, without_outputs
from amc.utils.copying import copy_network
from amc.utils.registry import name_of


@dataclass(frozen=True, eq=False)
class TuningProblem:
    """A compact network that is fine-tuned, with what it takes to do that. Nothing of it is changed.

    Attributes:
        original: The network before pruning, in evaluation mode.
        pruned: The compact network, in evaluation mode.
        policy: How the original was cut, as `policy.json` holds it.
        splits: The images.
        metric: The metric that networks are scored by, as `amc.scoring.metrics.find_metric` takes it.
        seed: The seed of the order and the changes of the images.
        device: The device that networks run on.
        arguments: The options of the run that the compact network came from, by name, as later commands read them.
        source: The folder of that run; empty where there is none.
        output_kind: The kinds of the original's outputs, as `amc.scoring.output_kinds.find_kinds` takes them.
    """

    original: nn.Module
    pruned: nn.Module
    policy: Policy
    splits: Splits
    metric: str | Metric
    seed: int
    device: torch.device
    arguments: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    output_kind: str | None = None

    def __post_init__(self) -> None:
        """Bring the networks to the device, and to the images what the metric compares.

        Raises:
            UserError: One of the networks does not run on the images.
        """
        for model in (self.original, self.pruned):
            check_runs(model.to(self.device), self.scoring.example)
        if compares_outputs(self.metric):
            splits = with_original_outputs(self.splits, self.original, self.output_kind, self.device)
        else:
            splits = without_outputs(self.splits)
        vars(self)["splits"] = splits

    @cached_property
    def scoring(self) -> Scoring:
        """The scoring of the original and of compact networks."""
        example = moved_inputs(self.splits.calibration.example(1), self.device)
        return Scoring(self.metric, example, self.device)

    @property
    def metric_name(self) -> str:
        """The name of the metric in messages and files."""
        return name_of(self.metric)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Digests of both networks and of the images, which tell this problem from another."""
        return {
            "weights": weights_digest(self.original),
            "compact": weights_digest(self.pruned),
            "images": images_digest(self.splits.calibration, self.splits.train, self.splits.reward),
        }

    def to_train(self) -> nn.Module:
        """A copy of the compact network, to be trained."""
        return copy_network(self.pruned)
