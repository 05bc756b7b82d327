"""The latency table of a device and runtime: the latency of layers over their numbers of channels."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc.artifacts.checked_json import check_schema, checked, read_object
from amc.cost.axis_lengths import AxisLengths
from amc.graph import KeptCounts, PruningGraph
from amc.latency.layer_latency import LayerLatency, Point, bilinear
from amc.latency.layer_shapes import LayerShape
from amc.utils.errors import UserError
from amc.utils.files import write_json
from amc.utils.option_names import option

SCHEMA = 1
DECISIVE = ("cpu", "runtime", "threads")
"""The entries of a fingerprint that a latency depends on."""


@dataclass(eq=False)
class LayerTimes:
    """The measurements of one layer.

    Attributes:
        milliseconds: The latency with all channels, in ms.
        least: The fewest input and output channels that were asked for.
        points: The latency by numbers of input and output channels, as a share of that with all, measured in turn.
        done: Whether the profiles are as fine as was wanted.
    """

    milliseconds: float
    least: Point
    points: dict[Point, float] = field(default_factory=dict)
    done: bool = False


class LatencyTable:
    """The measurements of layers on one device.

    Args:
        fingerprint: The description of device and runtime (`amc.latency.fingerprint`).
        layers: The measurements by the shape of the layer, none if not given.

    Attributes:
        fingerprint: The description of device and runtime.
        layers: The measurements by the shape of the layer.
    """

    def __init__(self, fingerprint: Mapping[str, Any], layers: Mapping[LayerShape, LayerTimes] | None = None) -> None:
        self.fingerprint = dict(fingerprint)
        self.layers = dict(layers or {})

    @property
    def points(self) -> int:
        """The number of small networks that were measured."""
        return sum(1 + len(times.points) for times in self.layers.values())

    def cost(self, graph: PruningGraph, shapes: Mapping[int, LayerShape]) -> TableCost:
        """The summed latency of a network's layers as a function of the kept counts.

        Args:
            graph: The analysis of the original, or of what it was pruned to.
            shapes: The shapes of the original's layers, by their position in the analysis.
        """
        latencies = {
            place: LayerLatency(shape, self.layers[shape].points, self.layers[shape].least)
            for place, shape in shapes.items()
        }
        return TableCost(graph, latencies, {place: self.layers[shape].milliseconds for place, shape in shapes.items()})

    def write(self, path: Path) -> None:
        """Write the table to a JSON file, whole or not at all."""
        layers = [
            _StoredLayer(
                shape=shape,
                milliseconds=times.milliseconds,
                least=times.least,
                done=times.done,
                points=[(*point, share) for point, share in times.points.items()],
            )
            for shape, times in self.layers.items()
        ]
        write_json(path, {"schema": SCHEMA, **vars(_StoredTable(self.fingerprint, layers))})


@dataclass(frozen=True)
class _StoredLayer:
    """A layer as it is in the file of a table; a point is input channels, output channels and share."""

    shape: LayerShape
    milliseconds: float
    least: Point
    done: bool
    points: Sequence[tuple[int, int, float]]


@dataclass(frozen=True)
class _StoredTable:
    """The file of a table but for its schema."""

    fingerprint: Mapping[str, Any]
    layers: Sequence[_StoredLayer]


class TableCost:
    """The summed latency of layers in ms as a function of the kept counts.

    Args:
        graph: The network's analysis.
        latencies: The latency of layers over their channels, as shares, by position; other layers count nothing.
        milliseconds: The latency of the same layers with all channels, in ms.
    """

    def __init__(
        self, graph: PruningGraph, latencies: Mapping[int, LayerLatency], milliseconds: Mapping[int, float]
    ) -> None:
        self._places = np.array(sorted(latencies), dtype=np.int64)
        self._count = len(graph.layers)
        ordered = [latencies[place] for place in self._places]
        self._milliseconds = np.array([milliseconds[place] for place in self._places])
        layers = [graph.layers[place] for place in self._places]
        self._inputs = AxisLengths(graph, [layer.inputs for layer in layers])
        self._outputs = AxisLengths(graph, [layer.out for layer in layers])
        self._profiles_in = _padded([each.inputs for each in ordered])
        self._profiles_out = _padded([each.outputs for each in ordered])
        self._nodes_in = np.array([each.nodes_in for each in ordered]).reshape(-1, 3)
        self._nodes_out = np.array([each.nodes_out for each in ordered]).reshape(-1, 3)
        self._grids = np.array([each.grid for each in ordered]).reshape(-1, 3, 3)

    def __call__(self, kept_counts: KeptCounts) -> float:
        """The summed latency in ms with `kept_counts[g]` units of each group."""
        return float(self._measured(kept_counts).sum())

    def terms(self, kept_counts: KeptCounts) -> NDArray[np.float64]:
        """The latency of each layer of the graph in ms with `kept_counts[g]` units of each group, `(layers,)`."""
        terms = np.zeros(self._count)
        terms[self._places] = self._measured(kept_counts)
        return terms

    def _measured(self, kept_counts: KeptCounts) -> NDArray[np.float64]:
        every = np.arange(len(self._places))
        u = self._profiles_in[every, self._inputs(kept_counts)]
        v = self._profiles_out[every, self._outputs(kept_counts)]
        return self._milliseconds * bilinear(u, v, self._nodes_in, self._nodes_out, self._grids)


def read_table(path: Path, fingerprint: Mapping[str, Any]) -> LatencyTable:
    """The table in a file.

    Raises:
        UserError: There is no such file, it has another form, or its device is not that with `fingerprint`.
    """
    content = read_object(path)
    check_schema(content, SCHEMA, path)
    stored = checked(content, _StoredTable, path)
    theirs = stored.fingerprint
    for name in DECISIVE:
        if theirs.get(name) != fingerprint[name]:
            raise UserError(
                f"{path} is the latency table of another device: its {name} is {theirs.get(name)}, here it is"
                f" {fingerprint[name]}; give another {option('latency_table')}"
            )
    layers = {
        each.shape: LayerTimes(each.milliseconds, each.least, {(i, o): share for i, o, share in each.points}, each.done)
        for each in stored.layers
    }
    return LatencyTable(theirs, layers)


def default_path(fingerprint: Mapping[str, Any]) -> Path:
    """The file in the user's cache where the table of a device is, if none is named."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = re.sub(r"\W+", "-", " ".join(str(fingerprint[name]) for name in DECISIVE)).strip("-").lower()
    return cache / "amc-pruning" / "latency" / f"{name}.json"


def _padded(rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    width = max((len(row) for row in rows), default=0)
    return np.array([np.pad(row, (0, width - len(row))) for row in rows]).reshape(len(rows), width)
