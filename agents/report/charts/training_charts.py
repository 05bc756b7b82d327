"""Charts of a training: the loss of every epoch, and the score after it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agents.report.charts.episode_charts import metric_label, metric_value
from agents.report.charts.style import BLUE, GREEN, INK, ORANGE, add_legend, new_figure, new_figures

HEIGHT = 3.4


def loss_curve(losses: Sequence[float]) -> Figure:
    """Draw the mean loss of every epoch."""
    figure, axes = new_figure(HEIGHT, LOSS_TITLE)
    _draw_loss(axes, losses)
    return figure


def score_curve(scores: Sequence[float], pruned: float, original: float, metric: str) -> Figure:
    """Draw the score after every epoch on the reward images, and those of the pruned and the original network.

    Args:
        scores: The scores, from the first epoch on.
        pruned: The score before the first epoch.
        original: The score of the original network.
        metric: The name of the metric.
    """
    figure, axes = new_figure(HEIGHT, SCORE_TITLE)
    _draw_scores(axes, scores, pruned, original, metric)
    add_legend(figure)
    return figure


def training_curves(
    losses: Sequence[float], scores: Sequence[float], pruned: float, original: float, metric: str
) -> Figure:
    """Draw both curves beside each other in one figure; the arguments are those of `loss_curve` and `score_curve`."""
    figure, (left, right) = new_figures(HEIGHT, (LOSS_TITLE, SCORE_TITLE))
    _draw_loss(left, losses)
    _draw_scores(right, scores, pruned, original, metric)
    add_legend(figure)
    return figure


LOSS_TITLE, SCORE_TITLE = "Loss on training images", "Score on reward images"


def _draw_loss(axes: Axes, losses: Sequence[float]) -> None:
    axes.plot(range(1, len(losses) + 1), losses, "o-", color=BLUE, markersize=4, linewidth=1.8)
    _label(axes, "mean loss")


def _draw_scores(axes: Axes, scores: Sequence[float], pruned: float, original: float, metric: str) -> None:
    values = [metric_value(score, metric) for score in scores]
    axes.axhline(metric_value(original, metric), color=INK, linestyle=":", linewidth=1.5, label="original")
    axes.axhline(metric_value(pruned, metric), color=ORANGE, linestyle="--", linewidth=1.5, label="pruned")
    axes.plot(range(1, len(values) + 1), values, "o-", color=BLUE, markersize=4, linewidth=1.8, label="after the epoch")
    if max(scores) > pruned:
        best = max(range(len(scores)), key=lambda place: scores[place])
        axes.plot(best + 1, values[best], "*", color=GREEN, markersize=14, markeredgecolor=INK, zorder=4, label="kept")
    _label(axes, metric_label(metric))


def _label(axes: Axes, values: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(values)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
