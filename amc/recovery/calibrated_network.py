"""A trained network and its calibration images: what criteria and recoveries work with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from amc.graph import PruningGraph
from amc.graph.inputs import Example, batch_size
from amc.recovery.asymmetric import Asymmetric
from amc.recovery.bias_correction import BiasCorrection
from amc.recovery.calibration import Moments, collect_moments
from amc.recovery.output_distance import OutputKinds
from amc.recovery.reconstructor import Reconstructor


@dataclass(frozen=True, eq=False)
class CalibratedNetwork:
    """A trained network, its analysis and calibration images.

    What all of its compact networks have in common, such as second moments, is computed when it is first asked for, and
    once.

    Attributes:
        model: The network in evaluation mode. It is never changed.
        graph: The network's analysis.
        calibration: Batches of inputs, `(n, ...)` each; a sequence, since they are read again and again.
        seed: The seed of everything that is drawn, such as positions of the images.
        output_kinds: The kinds of the network's outputs (`amc.recovery.output_distance`); none where all are values.
    """

    model: nn.Module
    graph: PruningGraph
    calibration: Sequence[Example]
    seed: int = 0
    output_kinds: OutputKinds = ()

    def __getstate__(self) -> dict[str, Any]:
        """All but the solver of layers one after the other: its rows are many, and other processes make their own."""
        return {name: value for name, value in vars(self).items() if name != "asymmetric"}

    @cached_property
    def moments(self) -> dict[str, Moments]:
        """The second moments of what each consumer reads, by its weight."""
        images = sum(map(batch_size, self.calibration))
        return collect_moments(self.model, self.graph, self.calibration, images, self.seed)

    @cached_property
    def reconstructor(self) -> Reconstructor:
        """The solver of consumers by least squares on what they read in this network."""
        return Reconstructor(self.model, self.graph, self.moments)

    @cached_property
    def asymmetric(self) -> Asymmetric:
        """The solver of a compact network's layers, one after the other, on what they read there."""
        return Asymmetric(self.model, self.graph, self.calibration, self.seed, self.output_kinds)

    @cached_property
    def bias_correction(self) -> BiasCorrection:
        """The correction of a compact network's biases, so that its layers give the means that they give here."""
        return BiasCorrection(self.model, self.graph, self.calibration)
