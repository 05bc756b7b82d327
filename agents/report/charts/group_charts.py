"""Charts with a row for each channel group: sparsities of every episode, and widths before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from agents.episode import Episode
from agents.report.charts.style import (
    BLUE,
    GRID,
    INK,
    ORANGE,
    STAR,
    add_colour_bar,
    add_legend,
    add_mark,
    new_axes,
    new_figure,
    whole_figure,
)
from agents.report.episode_selection import marked_episode
from amc.graph import KeptCounts

SPARSITY_COLOURS = "YlGnBu"
ROW = 0.17  # inches, of a group
TALLEST = 14.0  # inches
LONGEST_NAME = 30


def sparsities(episodes: Sequence[Episode], names: Sequence[str], units: KeptCounts, kept: int | None = None) -> Figure:
    """Draw the sparsity of every group in every episode as a heat map, and mark the episode that is kept.

    Args:
        episodes: One or more, in order.
        names: The names of the groups.
        units: Units of each whole group `(groups,)`.
        kept: The index of the episode whose policy is kept; None while that is not known: the best is marked then.
    """
    figure, axes = new_figure(rows_height(len(names)), "Sparsity of every group")
    image = axes.imshow(
        100 * (1 - np.stack([episode.kept_counts for episode in episodes]).T / np.asarray(units)[:, None]),
        aspect="auto",
        interpolation="nearest",
        cmap=SPARSITY_COLOURS,
        vmin=0,
        vmax=100,
        extent=(episodes[0].index - 0.5, episodes[-1].index + 0.5, len(names) - 0.5, -0.5),
    )
    if marked := marked_episode(episodes, kept):
        add_mark(axes, marked.episode.index, -0.5, STAR, marked.label)
        is_late = 2 * marked.episode.index > episodes[0].index + episodes[-1].index
        axes.annotate(
            marked.label,
            (marked.episode.index, -0.5),
            (-9 if is_late else 9, 3),
            textcoords="offset points",
            horizontalalignment="right" if is_late else "left",
            fontsize=9,
            color=INK,
        )
    axes.grid(visible=False)
    axes.set_xlabel("episode")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    name_rows(axes, names)
    add_colour_bar(figure, image, "sparsity (%)")
    return figure


def widths(names: Sequence[str], before: ArrayLike, after: ArrayLike, uniform: ArrayLike = ()) -> Figure:
    """Draw the channels of every group `(groups,)` before and after pruning, and of the uniform policy unless empty."""
    figure = whole_figure(rows_height(len(names)))
    draw_widths(figure, names, before, after, uniform)
    return figure


def draw_widths(
    part: FigureBase, names: Sequence[str], before: ArrayLike, after: ArrayLike, uniform: ArrayLike = ()
) -> None:
    """Draw what `widths` draws in a figure or a part of one."""
    axes = new_axes(part, "Channels of every group")
    rows = np.arange(len(names))
    axes.barh(rows, before, height=0.72, color=GRID, label="original")
    axes.barh(rows, after, height=0.72, color=BLUE, label="kept")
    if len(np.asarray(uniform)):
        axes.plot(uniform, rows, "|", color=ORANGE, markersize=9, markeredgewidth=2, label="uniform policy")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("channels")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    name_rows(axes, names)
    add_legend(part)


def rows_height(groups: int) -> float:
    """The height in inches of a figure with a row for each group."""
    return min(max(2.8, 1.4 + ROW * groups), TALLEST)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Write the names beside the rows, at every second or third row where all would be too many to be read."""
    every = int(np.ceil(len(names) * ROW / TALLEST))
    shown = range(0, len(names), every)
    axes.set_yticks(list(shown), [_shortened(names[row]) for row in shown], fontsize=8, parse_math=False)
    axes.tick_params(axis="y", length=0)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
