"""Building a latency table with few measurements."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from amc.cost.axis_lengths import AxisLengths
from amc.graph import KeptCounts, PruningGraph
from amc.latency.layer_latency import GRAIN, Point, between, corners
from amc.latency.layer_onnx import layer_onnx
from amc.latency.layer_shapes import LayerShape
from amc.latency.measuring_device import Device
from amc.latency.table import LatencyTable, LayerTimes

if TYPE_CHECKING:
    import onnx

T = TypeVar("T")

TOGETHER = 8
"""The number of small networks that are measured in turn."""
PRECISION = 0.02
"""The wanted spread of latencies and ratios (`amc.latency.timing.Timing.spread`)."""
SECONDS = 0.6
"""The seconds that each of them is measured, at the most."""
INTERVALS = 4
"""The number of intervals of a profile to begin with."""
WANTED = 0.005
"""The wanted precision, as a share of the time of all layers: an interval is halved where that moves their sum by
more."""
NOISE = 0.03
"""The share of a layer's own time up to which differences are not followed further."""


def missing(table: LatencyTable, least: Mapping[LayerShape, Point]) -> list[LayerShape]:
    """The shapes that the table lacks, or that are not completely measured yet down to the widths `least`.

    They are not where the table comes from networks that were cut less, or in other layers.
    """
    return [shape for shape, widths in least.items() if not _covers(table.layers.get(shape), widths)]


def least_widths(
    graph: PruningGraph, shapes: Mapping[int, LayerShape], kept_counts: KeptCounts
) -> dict[LayerShape, Point]:
    """The fewest input and output channels that layers of each shape have with `kept_counts[g]` units of each group."""
    places = list(shapes)
    layers = [graph.layers[place] for place in places]
    inputs = AxisLengths(graph, [layer.inputs for layer in layers])(kept_counts)
    outputs = AxisLengths(graph, [layer.out for layer in layers])(kept_counts)
    found: dict[LayerShape, Point] = {}
    for place, i, o in zip(places, inputs.tolist(), outputs.tolist(), strict=True):
        before = found.get(shapes[place], (i, o))
        found[shapes[place]] = _fewest(before, (i, o))
    return found


def build(
    table: LatencyTable,
    device: Device,
    graph: PruningGraph,
    shapes: Mapping[int, LayerShape],
    like: onnx.ModelProto,
    on_batch: Callable[[int], None],
) -> None:
    """Measure the layers of a network that the table lacks.

    Args:
        table: The table, which gets each measurement as soon as it is made.
        device: The device of the table.
        graph: The network's analysis.
        shapes: The shapes of its layers, by position.
        like: The network's export, whose versions of ONNX and operators the small networks have.
        on_batch: Called after each measurement with the number of shapes that are done.

    Raises:
        DeviceLostError: The device is gone; the table has what was measured.
    """
    least = least_widths(graph, shapes, graph.least)
    wanted = missing(table, least)
    new = [shape for shape in wanted if shape not in table.layers]
    for latencies in whole_layers(device, new, like):
        table.layers |= {shape: LayerTimes(milliseconds, least[shape]) for shape, milliseconds in latencies.items()}
        on_batch(0)
    total = sum(table.layers[shape].milliseconds for shape in shapes.values())
    counts = Counter(shapes.values())
    for done, shape in enumerate(wanted, start=1):
        times = table.layers[shape]
        times.least, times.done = _fewest(times.least, least[shape]), False
        tolerance = max(WANTED * total / (counts[shape] * times.milliseconds), NOISE)
        for points in _rounds(shape, times, tolerance):
            for batch in _batches(points):
                models = [layer_onnx(shape, *point, like) for point in ((shape.inputs, shape.outputs), *batch)]
                ratios = device.measure(models, PRECISION, SECONDS * len(models)).ratios[1:]
                times.points |= {point: ratio.value for point, ratio in zip(batch, ratios, strict=True)}
                on_batch(done - 1)
        times.done = True
        on_batch(done)


def whole_layers(
    device: Device, shapes: Sequence[LayerShape], like: onnx.ModelProto
) -> Iterator[dict[LayerShape, float]]:
    """Measure layers with all their channels, each alone, and yield their latencies in ms by shape, some at a time.

    Args:
        device: The device that measures.
        shapes: The layers, each once.
        like: The network's export, whose versions of ONNX and operators the small networks have.

    Raises:
        DeviceLostError: The device is gone.
    """
    for layers in _batches(shapes):
        models = [layer_onnx(shape, shape.inputs, shape.outputs, like) for shape in layers]
        latencies = device.measure(models, PRECISION, SECONDS * len(models)).latencies
        yield {shape: latency.value for shape, latency in zip(layers, latencies, strict=True)}


def _covers(times: LayerTimes | None, widths: Point) -> bool:
    return times is not None and times.done and _fewest(times.least, widths) == times.least


def _fewest(one: Point, other: Point) -> Point:
    return min(one[0], other[0]), min(one[1], other[1])


def _rounds(shape: LayerShape, times: LayerTimes, tolerance: float) -> Iterator[list[Point]]:
    """The points to measure, round after round; those of a round are in `times` when the next round is asked for.

    An interval of a profile is halved until the latency rises by no more than twice the tolerance in it, or it is a
    single grain: between its ends is a stair.
    """
    full = (shape.inputs, shape.outputs)
    profiles = list(_profiles(shape, times.least))
    first = {point(width) for (low, high), point in profiles for width in _evenly(low, high)}
    wanted = {*first, *corners(shape, times.least)} - {full} - set(times.points)
    while wanted:
        yield sorted(wanted)
        known = {**times.points, full: 1.0}
        wanted = set()
        for (least, most), point in profiles:
            widths = [width for width in range(least, most + 1) if point(width) in known]
            for low, high in itertools.pairwise(widths):
                if high - low > GRAIN and abs(known[point(high)] - known[point(low)]) > 2 * tolerance:
                    wanted.add(point(between(low, high)))


def _profiles(shape: LayerShape, least: Point) -> Iterator[tuple[Point, Callable[[int], Point]]]:
    """The least and the largest width of each profile, and a function from a width to its point."""
    if shape.tied:
        if least[0] < shape.inputs:
            yield (least[0], shape.inputs), lambda i: (i, i * shape.outputs // shape.inputs)
        return
    if least[0] < shape.inputs:
        yield (least[0], shape.inputs), lambda i: (i, shape.outputs)
    if least[1] < shape.outputs:
        yield (least[1], shape.outputs), lambda o: (shape.inputs, o)


def _evenly(low: int, high: int) -> list[int]:
    inner = np.linspace(low, high, INTERVALS + 1)[1:-1]
    multiples = {int(GRAIN * round(width / GRAIN)) for width in inner}
    return [low, *sorted(width for width in multiples if low < width < high), high]


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), TOGETHER):
        yield items[start : start + TOGETHER]
