"""A compact network from kept counts in one call: choose channels, cut them, recover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from amc.compression.output_changes import output_changes
from amc.criteria import Criterion, Evidence, find_criterion
from amc.graph import KeptCounts, PruningGraph
from amc.graph.inputs import Example
from amc.pruning.slicing import Selection, UnitMask, choose_units, compact, make_selection, slice_tensors
from amc.recovery.blockwise import BlockwiseResult, train_blockwise
from amc.recovery.held_out_training import Tell
from amc.recovery.layer_problem import LostShares
from amc.recovery.output_distance import OutputKinds
from amc.recovery.recoveries import Adjust, find_recovery
from amc.utils.defaults import CLOSED_FORMS, DEFAULT_CRITERION


class Compressor:
    """Prunes one network, without fine-tuning, to any kept counts.

    Args:
        model: The trained network in evaluation mode. It is never changed.
        graph: The network's analysis.
        calibration: Batches of inputs, `(n, ...)` each; a sequence, since every pruned network reads them again.
        criterion: The criterion by which channels are chosen (`amc.criteria.find_criterion`).
        seed: The seed of the positions that are sampled in the calibration images.
        output_kinds: The kinds of the network's outputs (`amc.recovery.output_distance`), which recovery by gradients
            makes a distance of, and of which scores are scaled; none where all are values.

    Attributes:
        model: The network.
        graph: The analysis.
        importance: The importance of each unit, float64 `(units,)`.

    Raises:
        UserError: The criterion is unknown, or fails.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: PruningGraph,
        calibration: Sequence[Example],
        criterion: str | Criterion = DEFAULT_CRITERION,
        seed: int = 0,
        output_kinds: OutputKinds = (),
    ) -> None:
        self.model = model
        self.graph = graph
        self._criterion = criterion
        self._evidence = Evidence(model, graph, calibration, seed, output_kinds)
        self._of_fewer: dict[int, Evidence] = {}
        self.importance = find_criterion(criterion)(self._evidence)

    def of(self, model: nn.Module, graph: PruningGraph) -> Compressor:
        """A compressor of another network, with the same images, criterion and seed."""
        evidence = self._evidence
        return Compressor(model, graph, self.calibration, self._criterion, evidence.seed, self.output_kinds)

    def mask(self, kept_counts: KeptCounts) -> UnitMask:
        """The units that stay when `kept_counts[g]` of each group do, the most important ones, bool `(units,)`."""
        return choose_units(self.graph, self.importance, kept_counts)

    def compact(
        self, mask: UnitMask, recovery: str | Adjust = CLOSED_FORMS[0], calibration_batches: int | None = None
    ) -> tuple[nn.Module, Selection]:
        """The compact network in evaluation mode in which the units `mask` stay, and its selection.

        Args:
            mask: The units that stay, bool `(units,)`.
            recovery: The recovery (`amc.recovery.recoveries.find_recovery`).
            calibration_batches: How many batches the recovery runs the network on at the most; None for all.

        Raises:
            UserError: The recovery is unknown, or fails.
        """
        steps = find_recovery(recovery)
        selection = make_selection(self.graph, self.model, mask)
        network = compact(self.model, selection, steps.replaced(self._evidence, mask)).eval()
        steps(network, self._of_batches(calibration_batches), mask)
        return network.eval(), selection

    def _of_batches(self, count: int | None) -> Evidence:
        """The network with its first calibration batches; what networks have in common is remembered for each count."""
        if count is None or count >= len(self.calibration):
            return self._evidence
        if count not in self._of_fewer:
            self._of_fewer[count] = replace(self._evidence, calibration=self.calibration[:count])
        return self._of_fewer[count]

    def train(
        self, network: nn.Module, mask: UnitMask, tell: Tell = lambda *_: None, *, is_closed_form: bool = True
    ) -> BlockwiseResult:
        """Train the compact network in which the units `mask` stay by gradients, in place.

        Args:
            network: The compact network.
            mask: The units that stay, bool `(units,)`.
            tell: Told how far it is.
            is_closed_form: Whether other closed forms may take the place of its weights; not of those that were tuned.

        Raises:
            UserError: There are too few images, or no gradients pass through the network.
        """
        return train_blockwise(network, self._evidence, mask, tell=tell, is_closed_form=is_closed_form)

    def tensors(self, mask: UnitMask, recovery: str | Adjust) -> tuple[dict[str, Tensor], Selection]:
        """All tensors of the compact network by name, before the recovery adjusts it, and its selection."""
        selection = make_selection(self.graph, self.model, mask)
        return slice_tensors(self.model, selection, find_recovery(recovery).replaced(self._evidence, mask)), selection

    @property
    def output_kinds(self) -> OutputKinds:
        """The kinds of the network's outputs, by which recovery knows class scores; none where nothing is known."""
        return self._evidence.output_kinds

    @property
    def calibration(self) -> Sequence[Example]:
        """The batches of calibration inputs, `(n, ...)` each."""
        return self._evidence.calibration

    def reconstruction_errors(self, mask: UnitMask) -> dict[str, float]:
        """The share of output energy that can't be restored, by weight, of each consumer that loses inputs."""
        return self._evidence.reconstructor.errors(mask)

    def output_changes(self, masks: Sequence[UnitMask]) -> NDArray[np.float64] | None:
        """The expected change of the network's outputs when one group alone is cut (`amc.compression.output_changes`).

        Of `(groups, masks)`; None where no gradients pass through the network.
        """
        return output_changes(self._evidence, masks)

    @property
    def lost(self) -> LostShares | None:
        """The mean share of layers' outputs that is lost in the network that was last solved layer after layer.

        None where no such network was made, or the calibration images are so many that none of them is held out.
        """
        solver = vars(self._evidence).get("asymmetric")  # which is not made for this
        return None if solver is None else solver.mean_lost
