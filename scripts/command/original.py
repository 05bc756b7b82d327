"""The first figure that commands print: the score of the network before anything is done to it."""

from __future__ import annotations

import sys

from amc.data.images import Images
from amc.networks.sources import Network
from amc.scoring import original_score
from amc.scoring.checked_score import CheckedScore
from amc.scoring.metrics import FIDELITY
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
    found = original_score.score_original(network.model, images, metric, find_device(device))
    if not quiet:
        print_score(found, options, "original")
    return found.value


def print_score(found: CheckedScore, options: NetworkOptions, network: str) -> None:
    """Print a score on the reward images at once, and on standard error a warning where it is near chance."""
    original_score.print_score(found, network)
    warn_near_chance(found, options)


def warn_near_chance(found: CheckedScore, options: NetworkOptions) -> None:
    """Print what usually is wrong where a network that was loaded by `options` hardly does better than chance.

    Fidelity shows nothing of that, so that random weights are told of by themselves.
    """
    original_score.warn_near_chance(found, _weights(options))
    if found.metric == FIDELITY and options.weights == "none" and not is_user_function(options.model):
        print(
            f"warning: {options.model} has random weights (--weights none), which {FIDELITY} does not show: what"
            " is found says nothing of a trained network",
            file=sys.stderr,
        )


def _weights(options: NetworkOptions) -> str:
    if options.weights == "none":
        return "--weights none: those that the network was built with, random ones for a name"
    if options.weights == "default" and is_user_function(options.model):
        return f"without --weights, they are those that {options.model} returned"
    return f"--weights {options.weights}"
