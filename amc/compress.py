"""From keeps to a compact network that is ready to be scored: choose, reconstruct, cut, re-estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from amc.asymmetric import Asymmetric
from amc.criteria import CRITERIA, Evidence
from amc.graph import Keeps, PruningGraph
from amc.graph.inputs import Example
from amc.prune import Alive, Selection, choose, compact, select
from amc.reconstructor import Reconstructor
from amc.registry import look_up
from amc.statistics import reestimate


class Recovery(NamedTuple):
    """What is done after the channels are cut.

    `reconstruct`: consumers are solved by least squares on the original's inputs (`amc.reconstruct`). `asymmetric`: all
    layers are solved one after the other, on what they then read (`amc.asymmetric`). `statistics`: batch-norm
    statistics are taken again (`amc.statistics`).
    """

    reconstruct: bool = False
    asymmetric: bool = False
    statistics: bool = False


RECOVERIES = {
    "none": Recovery(),
    "statistics": Recovery(statistics=True),
    "reconstruction": Recovery(reconstruct=True),
    "both": Recovery(reconstruct=True, statistics=True),
    "asymmetric": Recovery(reconstruct=True, asymmetric=True),
}
"""Ways of recovery by name."""
DEFAULT_RECOVERY = "both"
DEFAULT_CRITERION = "l1"


class Compressor:
    """Prunes one network, without fine-tuning, to any keeps of its groups.

    Args:
        model: The trained network in evaluation mode. It is never changed.
        graph: Its analysis.
        calibration: Batches of inputs, `(n, ...)` each; a sequence, since every pruned network reads them again.
        criterion: A name in `amc.criteria.CRITERIA`.
        seed: Which positions of the calibration images are sampled.
        recovery: A name in `RECOVERIES`: what is done after the channels are cut.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: PruningGraph,
        calibration: Sequence[Example],
        criterion: str = DEFAULT_CRITERION,
        seed: int = 0,
        recovery: str = DEFAULT_RECOVERY,
    ) -> None:
        steps = look_up("recovery", recovery, RECOVERIES)
        self.model = model
        self.graph = graph
        self.importance = look_up("criterion", criterion, CRITERIA)(Evidence(model, graph, calibration, seed))
        self._calibration = calibration
        self._statistics = steps.statistics
        self._asymmetric = Asymmetric(model, graph, calibration, seed) if steps.asymmetric else None
        norms_follow = steps.statistics or steps.asymmetric
        self._reconstructor = (
            Reconstructor(model, graph, calibration, seed, norms_follow=norms_follow) if steps.reconstruct else None
        )

    def alive(self, keeps: Keeps) -> Alive:
        """Which units stay when `keeps[g]` of each group do."""
        return choose(self.graph, self.importance, keeps)

    def compact(self, alive: Alive) -> tuple[nn.Module, Selection]:
        """The compact network in evaluation mode in which the units `alive` are left, and how it was cut."""
        selection = select(self.graph, self.model, alive)
        refitted = self._asymmetric.weights if self._asymmetric else frozenset()
        weights = self._reconstructor.weights(alive, but=refitted) if self._reconstructor else None
        network = compact(self.model, selection, weights).eval()
        if self._asymmetric:
            self._asymmetric.refit(network, alive)
        if self._statistics:
            reestimate(network, self._calibration)
        return network, selection

    def reconstruction_errors(self, alive: Alive) -> dict[str, float]:
        """Of each consumer that lost inputs, the share of its output energy that is lost for good, by weight."""
        return self._reconstructor.errors(alive) if self._reconstructor else {}
