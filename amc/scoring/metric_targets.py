"""What a metric compares a network's outputs with: classes in the network's order, or the outputs of the original."""

from __future__ import annotations

import torch
from torch import nn

from amc.data.load import Splits
from amc.scoring.metrics import Metric, compares_classes, compares_outputs
from amc.scoring.network_classes import in_network_order
from amc.scoring.original_outputs import with_original_outputs, without_outputs

CPU = torch.device("cpu")


def with_targets(
    splits: Splits,
    original: nn.Module,
    class_names: tuple[str, ...] | None,
    metric: str | Metric,
    device: torch.device = CPU,
    output_kind: str | None = None,
) -> Splits:
    """The splits with the targets that a metric compares; those of a user's own metric stay as the data has them.

    Args:
        splits: The images.
        original: The original network, in evaluation mode, on any device.
        class_names: The names of its outputs, in order; None where they are not known.
        metric: The metric, as `amc.scoring.metrics.find_metric` takes it.
        device: Where it is run for outputs that are compared.
        output_kind: The kinds of its outputs, as `amc.scoring.output_kinds.find_kinds` takes them.

    Raises:
        UserError: The network does not run on the images, returns outputs that the metric can't compare, or has not
            the data's classes.
    """
    if compares_outputs(metric):
        return with_original_outputs(splits, original, output_kind, device)
    splits = without_outputs(splits)
    return in_network_order(splits, original, class_names) if compares_classes(metric) else splits
