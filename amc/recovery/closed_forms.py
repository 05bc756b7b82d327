"""The steps of closed forms: what is solved or taken before a network is cut, and after."""

from __future__ import annotations

from torch import Tensor, nn

from amc.pruning.slicing import UnitMask
from amc.recovery.asymmetric import layers_to_solve
from amc.recovery.batch_norm_statistics import has_tracked_statistics, reestimate
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.calibration import reconstructable_layers


def least_squares(original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
    """Weights of consumers, solved by least squares on the original's inputs; batch norms are left as they are."""
    return original.reconstructor.weights(mask, norms_follow=False)


def least_squares_before_statistics(original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
    """Weights of consumers, solved by least squares, where batch norms absorb a constant shift afterwards."""
    return original.reconstructor.weights(mask, norms_follow=True)


def least_squares_with_statistics(original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
    """Weights of consumers, solved by least squares, and statistics of the batch norms behind them in closed form."""
    return least_squares_before_statistics(original, mask) | original.reconstructor.statistics(mask)


def least_squares_of_the_rest(original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
    """Weights of the consumers that `layer_after_layer` does not solve, by least squares."""
    solved = frozenset(layer.weight for layer in layers_to_solve(original.graph) if layer.weight)
    if all(layer.weight in solved for layer in reconstructable_layers(original.graph)):
        return {}  # so that no second moments are collected for it
    return original.reconstructor.weights(mask, norms_follow=True, but=solved)


def take_statistics(network: nn.Module, original: CalibratedNetwork, mask: UnitMask) -> None:
    """Take batch-norm statistics again on the calibration images; in a network without any, correct biases."""
    if has_tracked_statistics(network):
        reestimate(network, original.calibration)
    else:
        original.bias_correction.correct(network, mask)


def layer_after_layer(network: nn.Module, original: CalibratedNetwork, mask: UnitMask) -> None:
    """Solve all layers one after the other, each on what it then reads (`amc.recovery.asymmetric`)."""
    original.asymmetric.refit(network, mask)
