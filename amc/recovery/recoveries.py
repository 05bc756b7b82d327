"""Ways of recovery: the steps after which a network that lost channels computes nearly what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amc.pruning.slicing import UnitMask
from amc.recovery.batch_norm_statistics import has_tracked_statistics
from amc.recovery.blockwise import train_blockwise
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.closed_forms import (
    layer_after_layer,
    least_squares,
    least_squares_before_statistics,
    least_squares_of_the_rest,
    least_squares_with_statistics,
    take_statistics,
)
from amc.utils.defaults import AUTO, BLOCKWISE
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import UserFunction, resolve, takes

Replace = Callable[[CalibratedNetwork, UnitMask], dict[str, Tensor]]
"""A function that gives the tensors to cut in place of the original's, by name.

They are cut along their inputs already, and are whole along their outputs."""
Adjust = Callable[[nn.Module, CalibratedNetwork, UnitMask], object]
"""A function that changes a compact network, in which the units of the mask stay, in place and in evaluation mode."""


@dataclass(frozen=True)
class Recovery:
    """One way of recovery; without any of its two steps the network is only sliced.

    Attributes:
        replace: The step before the cut, which needs no pass over images; None for none.
        adjust: The step after the cut; None for none.
    """

    replace: Replace | None = None
    adjust: Adjust | None = None

    def replaced(self, original: CalibratedNetwork, mask: UnitMask) -> dict[str, Tensor]:
        """The tensors that are cut in place of the original's when the units `mask` stay."""
        return {} if self.replace is None else self.replace(original, mask)

    def __call__(self, network: nn.Module, original: CalibratedNetwork, mask: UnitMask) -> None:
        """Adjust the compact network in which the units `mask` stay, in place, without gradients."""
        if self.adjust is not None:
            with torch.no_grad():
                self.adjust(network, original, mask)

    @property
    def takes_statistics(self) -> bool:
        """Whether the adjustment takes the statistics of batch norms again, where there are any, and nothing else."""
        return self.adjust is take_statistics

    @property
    def changes_tensors_alone(self) -> bool:
        """Whether all networks that it leaves differ in the values and the sizes of tensors alone; a user's may not."""
        return self in RECOVERIES.values()

    def is_fast(self, model: nn.Module) -> bool:
        """Whether compact networks of `model` can be recovered by the hundred (`amc.scoring.scoring_network`).

        That is so where nothing is adjusted but the statistics of batch norms.
        """
        return self.adjust is None or (self.takes_statistics and has_tracked_statistics(model))


def block_after_block(network: nn.Module, original: CalibratedNetwork, mask: UnitMask) -> None:
    """Solve all layers, then train block after block and the whole by gradients (`amc.recovery.blockwise`)."""
    layer_after_layer(network, original, mask)
    with torch.enable_grad():
        train_blockwise(network, original, mask)


RECOVERIES: dict[str, Recovery] = {
    "none": Recovery(),
    "statistics": Recovery(adjust=take_statistics),
    "reconstruction": Recovery(least_squares),
    "closed_form": Recovery(least_squares_with_statistics),
    "both": Recovery(least_squares_before_statistics, take_statistics),
    "asymmetric": Recovery(least_squares_of_the_rest, layer_after_layer),
    BLOCKWISE: Recovery(least_squares_of_the_rest, block_after_block),
}
"""Ways of recovery by name; docs/recovery.md has what each is worth."""


def find_recovery(given: str | Adjust) -> Recovery:
    """The recovery of that name, or the user's own: `path/to/file.py:function`, or from Python the object.

    A function, `Adjust`, is a recovery that does nothing before the cut.

    Raises:
        UserError: There is no recovery of that name, no such function, or it takes other arguments. One that fails is
            told when it is called.
    """
    return _found(given, RECOVERIES)


def _found(given: str | Adjust, table: Mapping[str, Recovery]) -> Recovery:
    found = resolve("recovery", given, table, Recovery)
    if not isinstance(found, UserFunction):
        return found
    if not takes(found.function, 3):
        raise UserError(
            f"recovery {found.name} takes other arguments: a recovery is called with the compact network, the"
            " calibrated original and the mask of the units that stay"
        )
    return Recovery(adjust=found)


def check_recovery(given: str | Adjust) -> None:
    """Check that networks that are kept can be recovered so: `auto`, or as `find_recovery` takes it.

    Raises:
        UserError: There is no recovery of that name, no such function, or it takes other arguments.
    """
    _found(given, {**RECOVERIES, AUTO: Recovery()})


def check_search_recovery(given: str | Adjust) -> None:
    """Check that the networks that a search scores can be recovered so.

    Raises:
        UserError: As `check_recovery`, or each of them would be trained.
    """
    check_recovery(given)
    if given == BLOCKWISE:
        raise UserError(
            f"{option('search_recovery', BLOCKWISE)} would train each network that the search scores; give"
            f" {option('recovery', BLOCKWISE)}, which trains the one that is kept"
        )
