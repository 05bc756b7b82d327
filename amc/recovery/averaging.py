"""The average of closed forms that were each solved on a random draw of the calibration images, where these are few.

Least squares on few images fits what is peculiar to them. Networks that are solved on different draws are wrong in
different ways, so the average of their predictions is better than most of them (bagging: Breiman 1996, Machine Learning
24). They start from the same weights and stay near each other, so the average of their weights is as good, and costs
one network (Wortsman et al. 2022, arXiv:2203.05482). Layers that `amc.recovery.asymmetric` does not solve, such as two
of one weight, come from the second moments of all images in all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from amc.graph.inputs import Example, batch_size, join_batches, take, take_first
from amc.pruning.slicing import UnitMask, compact, make_selection, restore_tensors, stored_tensors
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.calibration_parts import CalibrationParts
from amc.recovery.closed_forms import layer_after_layer, least_squares_of_the_rest
from amc.recovery.least_squares import held_out_count

SHARE = 2 / 3
"""The share of the images that a draw has, if memory allows."""


def average_of_draws(
    network: nn.Module,
    original: CalibratedNetwork,
    mask: UnitMask,
    images: CalibrationParts,
    draws: int,
    tell: Callable[[int], None],
) -> None:
    """Give the network, in place, the average of closed forms that are solved on one draw of the images each.

    Args:
        network: The compact network in which the units `mask` stay.
        original: The original with its calibration images.
        mask: The units that stay, bool `(units,)`.
        images: The images that are drawn from, and those held out of all draws, by which ridges are chosen.
        draws: How many draws there are, one at least.
        tell: Told how many draws were solved, before each.
    """
    assert images.drawn_from is not None, "images are few"
    generator = torch.Generator().manual_seed(original.seed)
    others = batch_size(images.drawn_from)
    count = min(images.most, round(SHARE * (others + batch_size(images.held))))
    held_count = held_out_count(count)
    held = take_first(images.held, held_count)
    before = stored_tensors(network)
    mean = {name: tensor.double() for name, tensor in before.items() if tensor.is_floating_point()}
    for number in range(draws):
        tell(number)
        drawn = take(images.drawn_from, torch.randperm(others, generator=generator)[: count - held_count])
        solved = stored_tensors(_solved(original, mask, join_batches([drawn, held]), number))
        for name in list(mean):
            if solved[name].shape != before[name].shape:  # a buffer that holds what was computed last
                del mean[name]
            else:
                _take_in(mean, name, solved[name].double(), number)
    restore_tensors(network, before | mean)


def _take_in(mean: dict[str, Tensor], name: str, tensor: Tensor, number: int) -> None:
    """Take one more tensor into the mean of so many; what is equal stays what it is to the last bit."""
    mean[name] = tensor if number == 0 else mean[name] + (tensor - mean[name]).nan_to_num() / (number + 1)


def _solved(original: CalibratedNetwork, mask: UnitMask, images: Example, number: int) -> nn.Module:
    """The compact network in which the units `mask` stay, solved on these images."""
    selection = make_selection(original.graph, original.model, mask)
    network = compact(original.model, selection, least_squares_of_the_rest(original, mask)).eval()
    with torch.no_grad():
        layer_after_layer(network, replace(original, calibration=[images], seed=original.seed + number + 1), mask)
    return network
