"""Charts of latency: what was predicted beside what was measured, and how a layer's time depends on its width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from agents.report.charts.style import BLUE, INK, ORANGE, add_legend, new_figure
from amc.latency.layer_latency import LayerLatency
from amc.latency.layer_shapes import LayerShape
from amc.latency.table import LayerTimes


def predicted_against_measured(latencies: Sequence[tuple[float, float]]) -> Figure:
    """Draw predicted over measured latency, from a pair in ms for each network that was measured."""
    figure, axes = new_figure(4.0, "Predicted against measured latency")
    predicted, measured = np.array(latencies).T
    axes.plot(measured, predicted, "o", color=BLUE, markersize=5, markeredgecolor=INK, markeredgewidth=0.3)
    most = 1.05 * max(*predicted, *measured)
    axes.plot([0, most], [0, most], color=ORANGE, linestyle="--", linewidth=1.5, label="equal")
    axes.set_xlabel("measured (ms)")
    axes.set_ylabel("predicted (ms)")
    add_legend(figure)
    return figure


def latency_by_width(shape: LayerShape, surface: LayerLatency, times: LayerTimes) -> Figure:
    """Draw the latency of a layer over its input channels and over its output channels, the other ones whole.

    Lines are what the table says, points what was measured.
    """
    figure, axes = new_figure(4.0, str(shape).partition(" + ")[0])
    full = (shape.inputs, shape.outputs)
    measured = {**times.points, full: 1.0}
    for axis, (name, colour) in enumerate((("input channels", BLUE), ("output channels", ORANGE))):
        if times.least[axis] == full[axis] or (shape.tied and axis):
            continue
        widths = range(times.least[axis], full[axis] + 1)
        line = [surface(width, full[1]) if axis == 0 else surface(full[0], width) for width in widths]
        points = {
            point[axis]: share for point, share in measured.items() if shape.tied or point[1 - axis] == full[1 - axis]
        }
        axes.plot(widths, times.milliseconds * np.array(line), color=colour, linewidth=1.8, label=name)
        shares = times.milliseconds * np.array(list(points.values()))
        axes.plot(list(points), shares, "o", color=colour, markersize=4, markeredgecolor=INK, markeredgewidth=0.3)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("channels")
    axes.set_ylabel("ms")
    add_legend(figure)
    return figure
