"""The chart of a front: what accuracy costs, at the points where networks were made."""

from __future__ import annotations

from matplotlib.figure import Figure

from agents.report.charts.episode_charts import metric_label, metric_value
from agents.report.charts.style import BLUE, INK, ORANGE, add_legend, new_figure
from amc.artifacts.front_file import Front
from amc.scoring.number_format import COST_NAMES


def front_line(front: Front, original: float) -> Figure:
    """Draw the scores of the points on reward and test images against the cost that is left, and the original's.

    Args:
        front: The points.
        original: What the whole network scores on the reward images.
    """
    kind, metric = front.kind, front.metric
    figure, axes = new_figure(4.0, f"The front over {COST_NAMES[kind]}")
    left = [100 * point.costs[kind].ratio for point in front.points]
    for name, colour, scores in (
        ("reward images", BLUE, [point.accuracy for point in front.points]),
        ("test images", ORANGE, [point.test_accuracy for point in front.points]),
    ):
        heights = [float("nan") if value is None else metric_value(value, metric) for value in scores]
        axes.plot(left, heights, "o-", color=colour, linewidth=1.8, label=name)
    axes.axhline(
        metric_value(original, metric), color=INK, linestyle=":", linewidth=1.5, label="original, reward images"
    )
    axes.set_xlabel(f"{COST_NAMES[kind]} left (%)")
    axes.set_ylabel(metric_label(metric))
    add_legend(figure)
    return figure
