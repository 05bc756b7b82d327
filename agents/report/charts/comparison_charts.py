"""Charts with a line for each run: the best reward so far, and what each keeps of every group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, product
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from agents.episode import Episode, best_so_far
from agents.report.charts.group_charts import name_rows, rows_height
from agents.report.charts.style import BLUE, GREEN, INK, ORANGE, add_legend, new_figure

COLOURS = (BLUE, GREEN, "#cc79a7", "#e69f00", INK)  # of Okabe and Ito (2008) but the last
STYLES = ("-", "--", ":")


class RunLine(NamedTuple):
    """The line by which a run is drawn in all charts of a page."""

    name: str
    colour: str
    style: str


def run_lines(names: Sequence[str]) -> list[RunLine]:
    """A line for each run, told apart by colour and style up to 15 runs."""
    looks = cycle(product(STYLES, COLOURS))
    return [RunLine(name, colour, style) for name, (style, colour) in zip(names, looks, strict=False)]


def best_so_far_curves(runs: Mapping[RunLine, Sequence[Episode]], uniform: float | None = None) -> Figure:
    """Draw the best reward so far of every run against the episodes, with a dot at its end.

    Args:
        runs: The episodes of each run, one or more, in order.
        uniform: The reward of the uniform policy; None where there is more than one, or none was scored.
    """
    figure, axes = new_figure(4.2, "Best reward so far")
    for (name, colour, style), episodes in runs.items():
        best = [np.nan if each is None else each.reward for each in best_so_far(episodes)]
        indices = [episode.index for episode in episodes]
        axes.step(indices, best, style, where="post", color=colour, linewidth=2, label=name)
        axes.plot(indices[-1], best[-1], "o", color=colour, markersize=5)
    if uniform is not None:
        axes.axhline(uniform, color=ORANGE, linestyle="--", linewidth=1.5, label="uniform policy")
    axes.set_xlabel("episode")
    axes.set_ylabel("reward")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(figure, columns=2)
    return figure


def kept_shares(
    names: Sequence[str],
    before: ArrayLike,
    runs: Mapping[RunLine, Sequence[int]],
    uniform: Sequence[int],
    title: str,
) -> Figure:
    """Draw the share of the channels of every group `(groups,)` that each run keeps, one line for each run.

    Args:
        names: The names of the groups.
        before: The channels of each group in the original.
        runs: The channels that each run keeps.
        uniform: The channels that the uniform policy keeps; empty for none.
        title: The title of the chart.
    """
    figure, axes = new_figure(rows_height(len(names)), title)
    lines = {RunLine("uniform policy", ORANGE, "--"): uniform, **runs} if len(uniform) else runs
    for (name, colour, style), kept in lines.items():
        shares = 100 * np.asarray(kept) / np.asarray(before)
        rows = np.arange(len(shares))
        axes.plot(shares, rows, style, marker="o", markersize=4, color=colour, linewidth=1.5, label=name)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("channels kept (%)")
    name_rows(axes, names)
    add_legend(figure, columns=2)
    return figure
