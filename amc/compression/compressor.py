"""From keeps to a compact network that is ready to be scored: choose, reconstruct, cut, re-estimate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from torch import Tensor, nn

from amc.criteria import CRITERIA, Evidence
from amc.graph import KeptCounts, PruningGraph
from amc.graph.inputs import Example
from amc.pruning.slicing import Selection, UnitMask, choose_units, compact, make_selection, slice_tensors
from amc.recovery.asymmetric import Asymmetric
from amc.recovery.batch_norm_statistics import has_tracked_statistics, reestimate
from amc.recovery.bias_correction import BiasCorrection
from amc.recovery.reconstructor import Reconstructor
from amc.utils.registry import look_up


class Recovery(NamedTuple):
    """What is done after the channels are cut.

    `reconstruct`: consumers are solved by least squares on the original's inputs (`amc.recovery.reconstruction`).
    `asymmetric`: all layers are solved one after the other, on what they then read (`amc.recovery.asymmetric`).
    `statistics`: batch-norm statistics are taken again (`amc.recovery.batch_norm_statistics`); in a network without
    any, biases are corrected (`amc.recovery.bias_correction`). `closed_form`: statistics follow from the Gram matrices.
    """

    reconstruct: bool = False
    asymmetric: bool = False
    statistics: bool = False
    closed_form: bool = False


RECOVERIES = {
    "none": Recovery(),
    "statistics": Recovery(statistics=True),
    "reconstruction": Recovery(reconstruct=True),
    "closed_form": Recovery(reconstruct=True, closed_form=True),
    "both": Recovery(reconstruct=True, statistics=True),
    "asymmetric": Recovery(reconstruct=True, asymmetric=True),
}
"""Ways of recovery by name."""
DEFAULT_RECOVERY = "asymmetric"
"""Of the network that is kept: the best."""
SEARCH_RECOVERY = "both"
"""Of the networks that a search scores, by the hundred: nearly as good, in a quarter of the time."""
DEFAULT_CRITERION = "l1"


class Compressor:
    """Prunes one network, without fine-tuning, to any keeps of its groups.

    Args:
        model: The trained network in evaluation mode. It is never changed.
        graph: Its analysis.
        calibration: Batches of inputs, `(n, ...)` each; a sequence, since every pruned network reads them again.
        criterion: A name in `amc.criteria.CRITERIA`.
        seed: Which positions of the calibration images are sampled.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: PruningGraph,
        calibration: Sequence[Example],
        criterion: str = DEFAULT_CRITERION,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.graph = graph
        self._criterion = criterion
        self._evidence = Evidence(model, graph, calibration, seed)
        self.importance = look_up("criterion", criterion, CRITERIA)(self._evidence)

    def of(self, model: nn.Module, graph: PruningGraph) -> Compressor:
        """A compressor of another network, with the same images, criterion and seed."""
        return Compressor(model, graph, self.calibration, self._criterion, self._evidence.seed)

    def mask(self, kept_counts: KeptCounts) -> UnitMask:
        """Which units stay when `kept_counts[g]` of each group do."""
        return choose_units(self.graph, self.importance, kept_counts)

    def compact(self, mask: UnitMask, recovery: str = DEFAULT_RECOVERY) -> tuple[nn.Module, Selection]:
        """The compact network in evaluation mode in which the units `mask` are left, and how it was cut.

        `recovery` is a name in `RECOVERIES`.
        """
        steps = look_up("recovery", recovery, RECOVERIES)
        selection = make_selection(self.graph, self.model, mask)
        network = compact(self.model, selection, self._reconstructed(mask, steps)).eval()
        if steps.asymmetric:
            self._asymmetric.refit(network, mask)
        if steps.statistics and has_tracked_statistics(network):
            reestimate(network, self._evidence.calibration)
        elif steps.statistics:
            self._bias_correction.correct(network, mask)
        return network, selection

    def tensors(self, mask: UnitMask, recovery: str) -> tuple[dict[str, Tensor], Selection]:
        """All tensors of the compact network by name, before statistics are taken anew, and how it was cut."""
        selection = make_selection(self.graph, self.model, mask)
        return slice_tensors(self.model, selection, self._reconstructed(mask, RECOVERIES[recovery])), selection

    @property
    def calibration(self) -> Sequence[Example]:
        """Batches of inputs."""
        return self._evidence.calibration

    def _reconstructed(self, mask: UnitMask, steps: Recovery) -> dict[str, Tensor]:
        """What replaces tensors of the original before they are cut."""
        tensors = {}
        if steps.reconstruct:
            refitted = self._asymmetric.weights if steps.asymmetric else frozenset()
            norms_follow = steps.statistics or steps.asymmetric or steps.closed_form
            tensors = self._reconstructor.weights(mask, norms_follow=norms_follow, but=refitted)
        if steps.closed_form:
            tensors |= self._reconstructor.statistics(mask)
        return tensors

    def reconstruction_errors(self, mask: UnitMask) -> dict[str, float]:
        """Of each consumer that lost inputs, the share of its output energy that is lost for good, by weight."""
        return self._reconstructor.errors(mask)

    @cached_property
    def _reconstructor(self) -> Reconstructor:
        return Reconstructor(self.model, self.graph, self._evidence.moments)

    @cached_property
    def _asymmetric(self) -> Asymmetric:
        return Asymmetric(self.model, self.graph, self._evidence.calibration, self._evidence.seed)

    @cached_property
    def _bias_correction(self) -> BiasCorrection:
        return BiasCorrection(self.model, self.graph, self._evidence.calibration)
