"""The first figure of every command and call: the score of the network before anything is done to it."""

from __future__ import annotations

import sys

import torch
from torch import nn

from amc.data.images import Images
from amc.graph.inputs import Example, tensors
from amc.scoring.checked_score import CheckedScore, checked_score
from amc.scoring.metrics import Metric, check_runs, moved_inputs
from amc.scoring.number_format import percent, score
from amc.utils.copying import copy_network
from amc.utils.option_names import option

BATCH_BYTES = 2**21
"""The size in bytes of a scored batch's inputs, about: a small network's activations then stay in the cache."""
LEAST_BATCH = 16
"""The least number of images in a scored batch, however large they are."""


def scoring_batch(example: Example) -> int:
    """The number of images that are scored at once, from the inputs `example` of one image."""
    return max(LEAST_BATCH, BATCH_BYTES // max(sum(tensor.nbytes for tensor in tensors(example)), 1))


def score_original(model: nn.Module, images: Images, metric: str | Metric, device: torch.device) -> CheckedScore:
    """The score of a network that is left as it is.

    Args:
        model: The network, in evaluation mode.
        images: The images; all are scored.
        metric: The metric, as `amc.scoring.metrics.find_metric` takes it.
        device: The device that it runs on.

    Raises:
        UserError: The network does not run on the images, or what `checked_score` raises.
    """
    model = copy_network(model).to(device)  # which may keep what it computes
    example = images.example(1)
    check_runs(model, moved_inputs(example, device))
    return checked_score(model, images, metric, scoring_batch(example), device)


def print_score(found: CheckedScore, network: str) -> None:
    """Print the score of a network on the reward images on standard output, at once."""
    shown = score(found.metric, found.value)
    print(f"{network}: {found.metric} {shown} on {found.images:,} reward images (validation)", flush=True)


def warn_near_chance(found: CheckedScore, weights: str) -> None:
    """Print on standard error what usually is wrong where a network hardly does better than chance.

    Args:
        found: The score of the network.
        weights: Where its weights came from, in words.
    """
    if not found.is_near_chance:
        return
    assert found.chance is not None, "it is near it"
    print(
        f"warning: {found.metric} of {percent(found.value)} is near chance, which is {percent(found.chance)} here:"
        f" check the weights ({weights}), the order of the network's classes and of the data's"
        f" ({option('class_order')}), and that images are normalised and sized as in training ({option('mean')},"
        f" {option('std')}, {option('image_size')})",
        file=sys.stderr,
    )
