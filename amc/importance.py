"""How much each unit of a group matters: the criteria by which channels are chosen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from amc.graph import PruningGraph

Importance = NDArray[np.float64]
"""Importance of each unit, `(graph.unit_count,)`; comparable within a group."""


def l1(model: nn.Module, graph: PruningGraph) -> Importance:
    """L1 norm of the consumers' weights that read a channel (Li et al. 2017; taken at the consumer as in AMC's code).

    Each consumer's norms are divided by their sum over the group, so that all consumers of a group count alike.
    """
    parameters = dict(model.named_parameters())
    total = np.zeros(graph.unit_count)
    for group in graph.groups:
        for layer in (graph.layers[index] for index in group.consumers):
            assert layer.weight is not None, "only layers with a stored weight consume channels of a group"
            weight = parameters[layer.weight].detach().abs()
            norms = weight.transpose(0, layer.in_dimension).flatten(1).sum(1).double().cpu().numpy()
            units = layer.weight_in.units
            inside = (units >= group.first_unit) & (units < group.first_unit + group.units)
            share = norms[inside] / max(norms[inside].sum(), np.finfo(np.float64).tiny)
            np.add.at(total, units[inside], share)
    return total


CRITERIA: dict[str, Callable[[nn.Module, PruningGraph], Importance]] = {"l1": l1}
"""Criteria by name."""
