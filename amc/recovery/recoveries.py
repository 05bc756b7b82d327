"""Ways of recovery: what is done so that a network which lost channels computes nearly what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amc.pruning.slicing import UnitMask
from amc.recovery.batch_norm_statistics import has_tracked_statistics, reestimate
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.utils.registry import UserFunction, resolve

Replace = Callable[[CalibratedNetwork, UnitMask], dict[str, Tensor]]
"""Tensors that are cut in place of the original's, by name: along inputs cut already, along outputs whole."""
Adjust = Callable[[nn.Module, CalibratedNetwork, UnitMask], object]
"""Changes in place the compact network, in evaluation mode, in which the units of the mask are left of the original."""


@dataclass(frozen=True)
class Recovery:
    """One way of recovery; without any of its two steps the network is only sliced.

    Attributes:
        replace: The step before the cut, which needs no pass over images.
        adjust: The step after it.
    """

    replace: Replace | None = None
    adjust: Adjust | None = None

    def replaced(self, original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
        """The tensors that are cut in place of the original's when the units `mask` stay."""
        return {} if self.replace is None else self.replace(original, mask)

    def __call__(self, network: nn.Module, original: CalibratedNetwork, mask: UnitMask) -> None:
        """Adjust the compact network in which the units `mask` are left, in place, without gradients."""
        if self.adjust is not None:
            with torch.no_grad():
                self.adjust(network, original, mask)

    @property
    def takes_statistics(self) -> bool:
        """Whether the adjustment takes the statistics of batch norms again, where there are any, and nothing else."""
        return self.adjust is take_statistics

    def is_fast(self, model: nn.Module) -> bool:
        """Whether compact networks of `model` can be recovered by the hundred (`amc.scoring.scoring_network`).

        That is so where nothing is adjusted but the statistics of batch norms.
        """
        return self.adjust is None or (self.takes_statistics and has_tracked_statistics(model))


def least_squares(original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
    """Consumers solved by least squares on the original's inputs; batch norms behind them keep their statistics."""
    return original.reconstructor.weights(mask, norms_follow=False)


def least_squares_before_statistics(original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
    """As `least_squares`, with batch norms that absorb a constant shift, since their statistics are taken again."""
    return original.reconstructor.weights(mask, norms_follow=True)


def least_squares_with_statistics(original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
    """As `least_squares`, with the statistics of batch norms behind solved consumers in closed form."""
    return least_squares_before_statistics(original, mask) | original.reconstructor.statistics(mask)


def least_squares_of_the_rest(original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
    """As `least_squares`, of the consumers that `layer_after_layer` does not solve."""
    return original.reconstructor.weights(mask, norms_follow=True, but=original.asymmetric.weights)


def take_statistics(network: nn.Module, original: CalibratedNetwork, mask: UnitMask) -> None:
    """Take batch-norm statistics again; in a network without any, correct biases."""
    if has_tracked_statistics(network):
        reestimate(network, original.calibration)
    else:
        original.bias_correction.correct(network, mask)


def layer_after_layer(network: nn.Module, original: CalibratedNetwork, mask: UnitMask) -> None:
    """Solve all layers one after the other, on what they then read (`amc.recovery.asymmetric`)."""
    original.asymmetric.refit(network, mask)


RECOVERIES: dict[str, Recovery] = {
    "none": Recovery(),
    "statistics": Recovery(adjust=take_statistics),
    "reconstruction": Recovery(least_squares),
    "closed_form": Recovery(least_squares_with_statistics),
    "both": Recovery(least_squares_before_statistics, take_statistics),
    "asymmetric": Recovery(least_squares_of_the_rest, layer_after_layer),
}
"""Ways of recovery by name; docs/recovery.md has what each is worth."""
DEFAULT_RECOVERY = "asymmetric"
"""The recovery of the network that is kept: the best."""
SEARCH_RECOVERY = "both"
"""The recovery of the networks that a search scores, by the hundred: nearly as good, in a quarter of the time."""


def find_recovery(given: str | Adjust) -> Recovery:
    """The recovery of that name, or the user's own: `path/to/file.py:function`, or from Python the object.

    A function, `Adjust`, is the recovery that does nothing before the cut.

    Raises:
        UserError: unknown name, no such function. One that fails is told when it is called.
    """
    found = resolve("recovery", given, RECOVERIES, Recovery)
    return Recovery(adjust=found) if isinstance(found, UserFunction) else found
