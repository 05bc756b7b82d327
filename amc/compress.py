"""From keeps to a compact network that is ready to be scored: choose, reconstruct, cut, re-estimate."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from amc.graph import Keeps, PruningGraph
from amc.graph.inputs import Example
from amc.importance import CRITERIA
from amc.prune import Alive, Selection, choose, compact, select
from amc.reconstructor import Reconstructor
from amc.statistics import reestimate


class Compressor:
    """Prunes one network, without fine-tuning, to any keeps of its groups.

    Args:
        model: The trained network in evaluation mode. It is never changed.
        graph: Its analysis.
        calibration: Batches of inputs, `(n, ...)` each; a sequence, since every pruned network reads them again.
        criterion: A name in `amc.importance.CRITERIA`.
        seed: Which positions of the calibration images are sampled.
        reconstruct: Solve the consumers' weights by least squares (else they are only sliced).
        statistics: Re-estimate batch-norm statistics (else they are only sliced).
    """

    def __init__(
        self,
        model: nn.Module,
        graph: PruningGraph,
        calibration: Sequence[Example],
        criterion: str = "l1",
        seed: int = 0,
        *,
        reconstruct: bool = True,
        statistics: bool = True,
    ) -> None:
        self.model = model
        self.graph = graph
        self.importance = CRITERIA[criterion](model, graph)
        self._calibration = calibration
        self._statistics = statistics
        self._reconstructor = (
            Reconstructor(model, graph, calibration, seed, norms_follow=statistics) if reconstruct else None
        )

    def alive(self, keeps: Keeps) -> Alive:
        """Which units stay when `keeps[g]` of each group do."""
        return choose(self.graph, self.importance, keeps)

    def compact(self, alive: Alive) -> tuple[nn.Module, Selection]:
        """The compact network in evaluation mode in which the units `alive` are left, and how it was cut."""
        selection = select(self.graph, self.model, alive)
        weights = self._reconstructor.weights(alive) if self._reconstructor else None
        network = compact(self.model, selection, weights).eval()
        if self._statistics:
            reestimate(network, self._calibration)
        return network, selection

    def reconstruction_errors(self, alive: Alive) -> dict[str, float]:
        """Of each consumer that lost inputs, the share of its output energy that is lost for good, by weight."""
        return self._reconstructor.errors(alive) if self._reconstructor else {}
