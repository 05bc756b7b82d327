"""The first figure that commands print: the score of the network before anything is done to it."""

from __future__ import annotations

import sys

from agents.report import number_format
from amc.data.images import Images
from amc.networks.sources import Network
from amc.scoring.checked_score import CheckedScore, checked_score
from amc.scoring.metrics import check_runs, moved_inputs
from amc.scoring.original_score import scoring_batch
from amc.utils.copying import copy_network
from amc.utils.device import find_device
from amc.utils.user_file import is_user_function
from scripts.options.network_and_images import NetworkOptions


def score_original(
    network: Network, options: NetworkOptions, images: Images, metric: str, device: str, *, quiet: bool
) -> float:
    """The score of the original on the reward images, which is printed, with a warning where it is near chance.

    Args:
        network: The original, in evaluation mode. It is left as it is.
        options: The options that it was loaded by.
        images: The reward images.
        metric: The metric, by the name that `--metric` takes.
        device: The device, by the name that `--device` takes.
        quiet: Whether nothing is printed.

    Raises:
        UserError: What `amc.scoring.checked_score.checked_score` raises.
    """
    where = find_device(device)
    model = copy_network(network.model).to(where)  # which may keep what it computes
    check_runs(model, moved_inputs(images.example(1), where))
    found = checked_score(model, images, metric, scoring_batch(images.example(1)), where)
    if not quiet:
        print_score(found, options, "original", "reward")
    return found.value


def print_score(found: CheckedScore, options: NetworkOptions, network: str, split: str) -> None:
    """Print a score on standard output at once, and on standard error a warning where it is near chance."""
    words = f"{found.metric} {number_format.score(found.metric, found.value)} on {found.images:,} {split} images"
    print(f"{network}: {words}", flush=True)
    warn_near_chance(found, options)


def warn_near_chance(found: CheckedScore, options: NetworkOptions) -> None:
    """Print what usually is wrong where a network that was loaded by `options` hardly does better than chance."""
    if not found.is_near_chance:
        return
    assert found.chance is not None, "it is near it"
    print(
        f"warning: {found.metric} of {number_format.percent(found.value)} is near chance, which is"
        f" {number_format.percent(found.chance)} here: check the weights ({_weights(options)}), the order of the"
        " network's classes and of the data's (--class-order), and that images are normalised and sized as in training"
        " (--mean, --std, --image-size)",
        file=sys.stderr,
    )


def _weights(options: NetworkOptions) -> str:
    if options.weights == "none":
        return "--weights none: those that the network was built with, random ones for a name"
    if options.weights == "default" and is_user_function(options.model):
        return f"without --weights, they are those that {options.model} returned"
    return f"--weights {options.weights}"
