"""Charts with a line for each strategy: the best score so far as a mean over seeds, and scores against costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from agents.report.charts.comparison_charts import RunLine
from agents.report.charts.style import INK, add_legend, new_figure
from agents.report.strategies.seed_means import MeanCurve

HEIGHT = 4.2
"""The height of a chart in inches."""


class CostPoint(NamedTuple):
    """The mean score of a strategy at one budget.

    Attributes:
        left: The share of the cost that is left.
        score: The mean score.
        half: How far its interval reaches to each side.
    """

    left: float
    score: float
    half: float


def best_so_far_means(curves: Mapping[RunLine, MeanCurve], title: str, axis: str, score: str, factor: float) -> Figure:
    """Draw the best score so far of every strategy as a mean over seeds, with its 95 % interval as a band.

    Args:
        curves: The curve of each strategy.
        title: The title of the chart.
        axis: What the curves are against: evaluations or seconds.
        score: The name of the score.
        factor: The number that scores are multiplied by, such as 100 for percent.
    """
    figure, axes = new_figure(HEIGHT, title)
    end = max(float(curve.at[-1]) for curve in curves.values())
    for (name, colour, style), curve in curves.items():
        at = [*curve.at, end]
        mean, half = ([factor * each for each in (*values, values[-1])] for values in (curve.mean, curve.half))
        axes.step(at, mean, style, where="post", color=colour, linewidth=2, label=name)
        low, high = ([one + sign * other for one, other in zip(mean, half, strict=True)] for sign in (-1, 1))
        axes.fill_between(at, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(axis)
    axes.set_ylabel(score)
    add_legend(figure, columns=3)
    return figure


def scores_against_cost(
    strategies: Mapping[RunLine, Sequence[CostPoint]], original: float, cost: str, score: str, factor: float
) -> Figure:
    """Draw the score of every strategy at every budget against the cost that is left, with intervals as bars.

    Args:
        strategies: The points of each strategy.
        original: The score of the original.
        cost: The name of the cost.
        score: The name of the score.
        factor: The number that scores are multiplied by, such as 100 for percent.
    """
    figure, axes = new_figure(HEIGHT, f"Scores against {cost}")
    for (name, colour, style), points in strategies.items():
        ordered = sorted(points)
        left, scores = [100 * point.left for point in ordered], [factor * point.score for point in ordered]
        bars = [factor * point.half for point in ordered]
        axes.errorbar(left, scores, bars, fmt=f"o{style}", color=colour, linewidth=1.5, capsize=3, label=name)
    axes.axhline(factor * original, color=INK, linestyle=":", linewidth=1.5, label="original")
    axes.set_xlabel(f"{cost} left (%)")
    axes.set_ylabel(score)
    add_legend(figure, columns=3)
    return figure
