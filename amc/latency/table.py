"""The latency table of a device and runtime: what layers take there over their numbers of channels."""

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
from amc.latency.layer_profile import LayerLatency, Point, bilinear
from amc.latency.layer_shapes import LayerShape
from amc.utils.errors import UserError
from amc.utils.files import write_json

SCHEMA = 1
DECISIVE = ("cpu", "runtime", "threads")
"""Entries of a fingerprint that a latency depends on."""


@dataclass(eq=False)
class LayerTimes:
    """What was measured of a layer.

    Attributes:
        milliseconds: With all channels.
        least: The fewest input and output channels that were asked for.
        points: By input and output channels: the share of that, measured in turn with it.
        done: Whether the profiles are as close as was wished.
    """

    milliseconds: float
    least: Point
    points: dict[Point, float] = field(default_factory=dict)
    done: bool = False


class LatencyTable:
    """Layers by shape, of the device with that fingerprint."""

    def __init__(self, fingerprint: Mapping[str, Any], layers: Mapping[LayerShape, LayerTimes] | None = None) -> None:
        self.fingerprint = dict(fingerprint)
        self.layers = dict(layers or {})

    @property
    def points(self) -> int:
        """How many small networks were measured."""
        return sum(1 + len(times.points) for times in self.layers.values())

    def cost(self, graph: PruningGraph, shapes: Mapping[int, LayerShape]) -> TableCost:
        """The latency of the layers of `graph`, of which `shapes` are those of the original network by their place."""
        surfaces = {
            place: LayerLatency(shape, self.layers[shape].points, self.layers[shape].least)
            for place, shape in shapes.items()
        }
        return TableCost(graph, surfaces, {place: self.layers[shape].milliseconds for place, shape in shapes.items()})

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
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
    """The summed latency of the layers in ms, as a function of the keeps; layers without a surface count nothing."""

    def __init__(
        self, graph: PruningGraph, surfaces: Mapping[int, LayerLatency], milliseconds: Mapping[int, float]
    ) -> None:
        self._places = np.array(sorted(surfaces), dtype=np.int64)
        self._count = len(graph.layers)
        ordered = [surfaces[place] for place in self._places]
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
        """The sum with `kept_counts[g]` units of each group left."""
        return float(self._measured(kept_counts).sum())

    def terms(self, kept_counts: KeptCounts) -> NDArray[np.float64]:
        """What each layer of the graph takes, `(layers,)`."""
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
        UserError: no such file, another form, or a table of another device than that with `fingerprint`.
    """
    content = read_object(path)
    check_schema(content, SCHEMA, path)
    stored = checked(content, _StoredTable, path)
    theirs = stored.fingerprint
    for name in DECISIVE:
        if theirs.get(name) != fingerprint[name]:
            raise UserError(
                f"{path} is the latency table of another device: its {name} is {theirs.get(name)}, here it is"
                f" {fingerprint[name]}; give another --latency-table"
            )
    layers = {
        each.shape: LayerTimes(each.milliseconds, each.least, {(i, o): share for i, o, share in each.points}, each.done)
        for each in stored.layers
    }
    return LatencyTable(theirs, layers)


def default_path(fingerprint: Mapping[str, Any]) -> Path:
    """Where the table of a device is kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = re.sub(r"\W+", "-", " ".join(str(fingerprint[name]) for name in DECISIVE)).strip("-").lower()
    return cache / "amc-pruning" / "latency" / f"{name}.json"


def _padded(rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    width = max((len(row) for row in rows), default=0)
    return np.array([np.pad(row, (0, width - len(row))) for row in rows]).reshape(len(rows), width)
