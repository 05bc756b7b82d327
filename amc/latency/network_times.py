"""The measured latency of one network with all channels, as a whole and layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from amc.graph import PruningGraph
from amc.graph.inputs import Example
from amc.latency.layer_shapes import LayerShape, shapes_of
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.table_building import whole_layers
from amc.pruning.slicing import choose_units

PRECISION = 0.01
"""The wanted spread of the network's latency (`amc.latency.timing.Timing.spread`)."""
SECONDS = 4.0
"""The seconds that the network is measured, at the most."""


@dataclass(frozen=True, eq=False)
class NetworkTimes:
    """The latency of a network and of its layers for one input.

    Attributes:
        whole: The latency of the network, in ms.
        least: The latency of the network with as few channels as pruning can leave, in ms.
        layers: The latency of each layer measured alone, in ms, float64 `(layers,)`; 0 where it can't be.
        where: The target and the runtime, in words.
    """

    whole: float
    least: float
    layers: NDArray[np.float64]
    where: str


def measure_network(
    device: Device,
    model: nn.Module,
    graph: PruningGraph,
    example: Example,
    show: Callable[[int, int], None] = lambda *_: None,
) -> NetworkTimes:
    """Measure a network, the narrowest that it can be pruned to, and each of its layers alone.

    Args:
        device: The device that measures.
        model: The network, in evaluation mode.
        graph: The network's analysis.
        example: An input `(1, ...)`, or several.
        show: Told how many layers of different shape are measured, and of how many.

    Raises:
        UserError: Packages are missing, the network can't be exported, or the device can't run it.
    """
    exporter = Exporter(model, graph, example)
    narrowest = exporter.compact(choose_units(graph, np.zeros(graph.unit_count), graph.least))
    timing = device.measure([exporter.original, narrowest], PRECISION, SECONDS)
    shapes = shapes_of(exporter.whole, graph)
    different = list(dict.fromkeys(shapes.values()))
    known: dict[LayerShape, float] = {}
    show(0, len(different))
    for batch in whole_layers(device, different, exporter.whole):
        known |= batch
        show(len(known), len(different))
    layers = np.zeros(len(graph.layers))
    for place, shape in shapes.items():
        layers[place] = known[shape]
    whole, least = (each.value for each in timing.latencies)
    return NetworkTimes(whole, least, layers, f"{device.target}, {device.runtime}")
