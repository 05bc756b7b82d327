"""The figures of a search, for TensorBoard and for the report."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from agents.report.number_format import is_share
from agents.result import Episode, best_of, best_so_far
from amc.graph import KeptCounts
from amc.latency.layer_profile import LayerLatency
from amc.latency.layer_shapes import LayerShape
from amc.latency.table import LayerTimes

INK, GRID = "#24292f", "#d0d7de"
"""Colours of text and of grid lines, used for nothing else: a page may put its own in their place."""
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # Okabe and Ito (2008): told apart by the colour-blind too
EPISODE_COLOURS, SPARSITY_COLOURS = "viridis", "YlGnBu"
COST_NAMES = {"macs": "MACs", "params": "parameters", "memory": "memory", "latency": "latency"}
WIDTH = 5.6  # inches
DPI = 120
ROW = 0.17  # inches, of a group
TALLEST = 14.0  # inches
LONGEST_NAME = 30
SHOWN = 4.0
"""Height of an axis, as a multiple of how far the best lies above the median."""
MANY = 1000
"""Episodes past which points are drawn as an image, which stays small."""


def accuracy_name(metric: str) -> str:
    """What an axis or a table calls the metric; a user's own is no share."""
    return "accuracy (%)" if is_share(metric) else "metric"


def accuracy_value(accuracy: float, metric: str) -> float:
    """A value of the metric in the unit of `accuracy_name`."""
    return 100 * accuracy if is_share(metric) else accuracy


def frontier(episodes: Sequence[Episode], kind: str) -> list[Episode]:
    """Those that no other beats in accuracy at the same cost or less, from the cheapest on; the first of equal ones."""
    best: list[Episode] = []
    for episode in sorted(episodes, key=lambda each: (getattr(each.outcome, kind), -each.outcome.accuracy, each.index)):
        if not best or episode.outcome.accuracy > best[-1].outcome.accuracy:
            best.append(episode)
    return best


def of_policy(episodes: Sequence[Episode], kept_counts: Sequence[int]) -> Episode | None:
    """The first episode with the policy that keeps `kept_counts[g]` units of each group."""
    return next((episode for episode in episodes if np.array_equal(episode.kept_counts, kept_counts)), None)


def learning_curve(episodes: Sequence[Episode], uniform: Sequence[int] = ()) -> Figure:
    """Reward of every episode, of the best so far, and of the uniform policy where it was scored."""
    figure, axes = _figure(3.4, "Reward while searching")
    indices = [episode.index for episode in episodes]
    rewards = [episode.reward for episode in episodes]
    axes.scatter(
        indices, rewards, s=9, color=BLUE, alpha=0.5, linewidths=0, label="episode", rasterized=len(episodes) > MANY
    )
    best = [np.nan if each is None else each.reward for each in best_so_far(episodes)]
    axes.step(indices, best, where="post", color=BLUE, linewidth=2.2, label="best so far")
    if found := of_policy(episodes, uniform):
        axes.axhline(found.reward, color=ORANGE, linestyle="--", linewidth=1.5, label="uniform policy")
    _leave_out_the_lowest(axes, rewards)
    axes.set_xlabel("episode")
    axes.set_ylabel("reward")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure)
    return figure


def accuracy_against_cost(
    episodes: Sequence[Episode],
    kind: str,
    whole: float,
    metric: str,
    uniform: Sequence[int] = (),
    original: float | None = None,
) -> Figure:
    """Every scored policy, the frontier, the best by reward, the uniform one, and the original network if in range.

    Args:
        episodes: One or more.
        kind: A name in `amc.cost.costs.COSTS`.
        whole: That cost of the whole network.
        metric: How networks were scored.
        uniform: Units per group of the uniform policy; empty for none.
        original: What the whole network scores.
    """
    figure, axes = _figure(4.0, f"Accuracy against {COST_NAMES[kind]}")

    def share(episode: Episode) -> float:
        return 100 * float(getattr(episode.outcome, kind)) / whole

    def height(episode: Episode) -> float:
        return accuracy_value(episode.outcome.accuracy, metric)

    def mark(x: float, y: float, marker: str, size: float, color: str, label: str) -> None:
        axes.plot(x, y, marker, color=color, markersize=size, markeredgecolor=INK, zorder=4, label=label)

    points = axes.scatter(
        [share(episode) for episode in episodes],
        [height(episode) for episode in episodes],
        c=[episode.index for episode in episodes],
        cmap=EPISODE_COLOURS,
        s=20,
        edgecolors=INK,
        linewidths=0.3,
        zorder=3,
        rasterized=len(episodes) > MANY,
    )
    best = frontier(episodes, kind)
    axes.step(
        [share(episode) for episode in best],
        [height(episode) for episode in best],
        where="post",
        color=GREEN,
        linewidth=1.8,
        label="frontier",
    )
    if found := of_policy(episodes, uniform):
        mark(share(found), height(found), "D", 9, ORANGE, "uniform policy")
    if winner := best_of(episodes):
        mark(share(winner), height(winner), "*", 16, BLUE, "best by reward")
    if original is not None and max(map(share, episodes)) > 90:
        mark(100, accuracy_value(original, metric), "s", 8, INK, "original")
    _leave_out_the_lowest(axes, [height(episode) for episode in episodes])
    axes.set_xlabel(f"{COST_NAMES[kind]} left (%)")
    axes.set_ylabel(accuracy_name(metric))
    _legend(figure)
    _colour_bar(figure, points, "episode").locator = MaxNLocator(integer=True)
    return figure


def sparsities(episodes: Sequence[Episode], names: Sequence[str], units: KeptCounts) -> Figure:
    """Sparsity of every group `(groups,)` in every episode as a heat map, and where the best one is."""
    figure, axes = _figure(_height(len(names)), "Sparsity of every group")
    image = axes.imshow(
        100 * (1 - np.stack([episode.kept_counts for episode in episodes]).T / np.asarray(units)[:, None]),
        aspect="auto",
        interpolation="nearest",
        cmap=SPARSITY_COLOURS,
        vmin=0,
        vmax=100,
        extent=(episodes[0].index - 0.5, episodes[-1].index + 0.5, len(names) - 0.5, -0.5),
    )
    if winner := best_of(episodes):
        axes.plot(winner.index, -0.5, "v", color=ORANGE, markersize=9, markeredgecolor=INK, clip_on=False, zorder=4)
        axes.annotate("best", (winner.index, -0.5), (7, 3), textcoords="offset points", fontsize=9, color=INK)
    axes.grid(visible=False)
    axes.set_xlabel("episode")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _name_rows(axes, names)
    _colour_bar(figure, image, "sparsity (%)")
    return figure


def widths(names: Sequence[str], before: ArrayLike, after: ArrayLike, uniform: ArrayLike = ()) -> Figure:
    """Channels of every group before and after pruning, and those of the uniform policy unless it is empty."""
    figure, axes = _figure(_height(len(names)), "Channels of every group")
    rows = np.arange(len(names))
    axes.barh(rows, before, height=0.72, color=GRID, label="original")
    axes.barh(rows, after, height=0.72, color=BLUE, label="kept")
    if len(np.asarray(uniform)):
        axes.plot(uniform, rows, "|", color=ORANGE, markersize=9, markeredgewidth=2, label="uniform policy")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("channels")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _name_rows(axes, names)
    _legend(figure)
    return figure


def predicted_against_measured(latencies: Sequence[tuple[float, float]]) -> Figure:
    """Predicted and measured latency in ms, one pair for each network that was measured."""
    figure, axes = _figure(4.0, "Predicted against measured latency")
    predicted, measured = np.array(latencies).T
    axes.plot(measured, predicted, "o", color=BLUE, markersize=5, markeredgecolor=INK, markeredgewidth=0.3)
    most = 1.05 * max(*predicted, *measured)
    axes.plot([0, most], [0, most], color=ORANGE, linestyle="--", linewidth=1.5, label="equal")
    axes.set_xlabel("measured (ms)")
    axes.set_ylabel("predicted (ms)")
    _legend(figure)
    return figure


def latency_by_width(shape: LayerShape, surface: LayerLatency, times: LayerTimes) -> Figure:
    """Latency of a layer over its input channels and over its output channels, the other ones whole.

    Lines are what the table says, points what was measured.
    """
    figure, axes = _figure(4.0, str(shape).partition(" + ")[0])
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
    _legend(figure)
    return figure


def as_png(figure: Figure) -> bytes:
    """A figure as the content of a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _figure(height: float, title: str) -> tuple[Figure, Axes]:
    with mpl.rc_context({"axes.labelcolor": INK, "text.color": INK}):
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
        axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(colors=GRID, labelcolor=INK)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _colour_bar(figure: Figure, colours: ScalarMappable, label: str) -> Colorbar:
    bar = figure.colorbar(colours, pad=0.02, aspect=30)
    bar.set_label(label, color=INK)
    bar.ax.tick_params(colors=GRID, labelcolor=INK)
    bar.outline.set_visible(False)
    return bar


def _legend(figure: Figure) -> None:
    """Below, where it hides nothing."""
    figure.legend(loc="outside lower right", ncols=4, fontsize=9, frameon=False, labelcolor=INK, columnspacing=1.2)


def _height(groups: int) -> float:
    """Inches for a figure with a row for each group."""
    return min(max(2.8, 1.4 + ROW * groups), TALLEST)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names of the rows, of every second or third one where they are too many to be read."""
    every = int(np.ceil(len(names) * ROW / TALLEST))
    shown = range(0, len(names), every)
    axes.set_yticks(list(shown), [_shortened(names[row]) for row in shown], fontsize=8, parse_math=False)
    axes.tick_params(axis="y", length=0)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _leave_out_the_lowest(axes: Axes, values: Sequence[float]) -> None:
    """Spend the height on the better episodes: early ones may be far below, and a note says how many are."""
    lowest, median, high = np.quantile(values, [0.0, 0.5, 1.0])
    low = high - SHOWN * (high - median)
    if not lowest < low < high:
        return
    axes.set_ylim(low, high + 0.06 * (high - low))
    note = f"{np.sum(np.asarray(values) < low)} below"
    axes.annotate(note, (0.01, 0.02), xycoords="axes fraction", fontsize=8, color=INK, fontstyle="italic")
