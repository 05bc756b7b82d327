"""Charts of a training: the loss of every epoch, and the score after it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator

from agents.report.charts.episode_charts import CURVE_HEIGHT, metric_label, metric_value
from agents.report.charts.style import BLUE, INK, ORANGE, STAR, add_legend, add_mark, new_axes, whole_figure
from amc.training.training_progress import Epoch


def loss_curve(epochs: Sequence[Epoch]) -> Figure:
    """Draw the mean loss of every epoch."""
    figure = whole_figure(CURVE_HEIGHT)
    _draw_losses(figure, epochs)
    return figure


def score_curve(epochs: Sequence[Epoch], pruned: float, original: float, metric: str) -> Figure:
    """Draw the score after every epoch on the reward images, and those of the pruned and the original network.

    Args:
        epochs: One or more, in order.
        pruned: The score before the first epoch.
        original: The score of the original network.
        metric: The name of the metric.
    """
    figure = whole_figure(CURVE_HEIGHT)
    _draw_scores(figure, epochs, pruned, original, metric)
    return figure


def training_curves(epochs: Sequence[Epoch], pruned: float, original: float, metric: str) -> Figure:
    """Draw the scores, as `score_curve` does, and the losses below them."""
    figure = whole_figure(2 * CURVE_HEIGHT)
    parts = figure.subfigures(2, 1, squeeze=False)
    _draw_scores(parts[0, 0], epochs, pruned, original, metric)
    _draw_losses(parts[1, 0], epochs)
    return figure


def _draw_losses(part: FigureBase, epochs: Sequence[Epoch]) -> None:
    axes = new_axes(part, "Loss on training images")
    _draw_line(axes, [epoch.loss for epoch in epochs], "mean loss")


def _draw_scores(part: FigureBase, epochs: Sequence[Epoch], pruned: float, original: float, metric: str) -> None:
    axes = new_axes(part, "Score on reward images (validation)")
    axes.axhline(metric_value(original, metric), color=INK, linestyle=":", linewidth=1.5, label="original")
    axes.axhline(metric_value(pruned, metric), color=ORANGE, linestyle="--", linewidth=1.5, label="pruned")
    scores = [epoch.score for epoch in epochs]
    _draw_line(axes, [metric_value(score, metric) for score in scores], metric_label(metric), label="after the epoch")
    if max(scores) > pruned:
        add_mark(axes, 1 + scores.index(max(scores)), metric_value(max(scores), metric), STAR, "kept")
    add_legend(part)


def _draw_line(axes: Axes, values: Sequence[float], axis: str, label: str = "") -> None:
    axes.plot(range(1, len(values) + 1), values, "o-", color=BLUE, markersize=4, linewidth=1.8, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel(axis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(values) == 1:
        axes.set_xlim(0.5, 1.5)  # else the axis is too short for whole numbers
