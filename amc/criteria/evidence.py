"""The network, analysis and images that criteria look at, and how numbers of each layer become one for each unit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from amc.graph import Layer
from amc.recovery.calibrated_network import CalibratedNetwork

Importance = NDArray[np.float64]
"""The importance of each unit, 0 or more, `(graph.unit_count,)`; it is comparable within a group."""


class Evidence(CalibratedNetwork):
    """The input of a criterion: a trained network, its analysis and calibration images."""

    @cached_property
    def parameters(self) -> dict[str, Tensor]:
        """The network's parameters by name."""
        return {name: tensor.detach() for name, tensor in self.model.named_parameters()}

    def consumers(self) -> Iterator[Layer]:
        """The layers that read channels of a group, each once."""
        for index in sorted({index for group in self.graph.groups for index in group.consumers}):
            layer = self.graph.layers[index]
            assert layer.weight is not None, "only layers with a stored weight consume channels of a group"
            yield layer

    def unit_importance(self, found: Mapping[str, NDArray[np.float64]]) -> Importance:
        """One number for each unit from numbers along the input axis of consumers' weights.

        The numbers of each consumer are divided by their sum over the group, then added up, so that all consumers count
        alike.

        Args:
            found: Numbers of 0 or more by the name of the weight, `(inputs,)` each.
        """
        layers = {layer.weight: layer for layer in self.graph.layers}
        return self.unit_importance_by_use({layers[name]: values for name, values in found.items()})

    def unit_importance_by_use(self, found: Mapping[Layer, NDArray[np.float64]]) -> Importance:
        """Importance as `unit_importance`, for each use of a weight: one that is tied both ways has two input axes."""
        total = np.zeros(self.graph.unit_count)
        for layer, values in found.items():
            for units, group in itertools.product(layer.weight_in.memberships, self.graph.groups):
                inside = (units >= group.first_unit) & (units < group.first_unit + group.units)
                if inside.any():
                    share = values[inside] / max(values[inside].sum(), np.finfo(np.float64).tiny)
                    np.add.at(total, units[inside], share)
        return total
