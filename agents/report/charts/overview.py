"""The one figure of a search: its learning curve above the widths that it led to."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from agents.episode import Episode
from agents.report.charts.episode_charts import CURVE_HEIGHT, draw_learning_curve
from agents.report.charts.group_charts import draw_widths, rows_height
from agents.report.charts.style import INK, whole_figure
from amc.artifacts.policy import GroupPolicy

RANKED_AGAIN = "The star is the policy that is kept: finalists, the best episodes, are ranked again."
"""The line above the figure, since the star need not stand on the best episode."""


def search_overview(
    episodes: Sequence[Episode], groups: Sequence[GroupPolicy], uniform: Sequence[int] = (), kept: int | None = None
) -> Figure:
    """Draw the reward of every episode, and below it the channels of every group before and after.

    Args:
        episodes: One or more, in order.
        groups: The decisions for the groups.
        uniform: Units per group of the uniform policy; empty for none.
        kept: The index of the episode whose policy is kept; None where it is not among them.
    """
    heights = (CURVE_HEIGHT, rows_height(len(groups)))
    figure = whole_figure(sum(heights))
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
    draw_learning_curve(parts[0, 0], episodes, uniform, kept)
    if kept is not None:
        parts[0, 0].suptitle(RANKED_AGAIN, fontsize=9, color=INK)
    channels: ArrayLike = [units * group.width // group.units for units, group in zip(uniform, groups, strict=False)]
    draw_widths(
        parts[1, 0],
        [group.name for group in groups],
        [group.width for group in groups],
        [group.width_after for group in groups],
        channels,
    )
    return figure
