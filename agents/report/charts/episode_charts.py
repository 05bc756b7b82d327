"""Charts with a point for each episode: rewards in their order, and scores against costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator

from agents.episode import Episode, best_so_far
from agents.report.charts.style import (
    BLUE,
    DIAMOND,
    GREEN,
    INK,
    ORANGE,
    SQUARE,
    STAR,
    add_colour_bar,
    add_legend,
    add_mark,
    new_axes,
    new_figure,
    whole_figure,
)
from agents.report.episode_selection import episode_of_policy, marked_episode, pareto_frontier
from amc.scoring.number_format import COST_NAMES, is_share, score_name

EPISODE_COLOURS = "viridis"
SHOWN = 4.0
"""Height of an axis, as a multiple of how far the best lies above the median."""
MANY = 1000
"""Episodes past which points are drawn as an image, which stays small."""


CURVE_HEIGHT = 3.4  # inches


def learning_curve(episodes: Sequence[Episode], uniform: Sequence[int] = (), kept: int | None = None) -> Figure:
    """Draw the reward of every episode, of the best so far, and of the uniform policy where it was scored.

    The episode whose policy is kept is marked: it may be another one than the best, since finalists are ranked again.

    Args:
        episodes: One or more, in order.
        uniform: Units per group of the uniform policy; empty for none.
        kept: The index of the episode whose policy is kept; None while that is not known.
    """
    figure = whole_figure(CURVE_HEIGHT)
    draw_learning_curve(figure, episodes, uniform, kept)
    return figure


def draw_learning_curve(
    part: FigureBase, episodes: Sequence[Episode], uniform: Sequence[int] = (), kept: int | None = None
) -> None:
    """Draw what `learning_curve` draws in a figure or a part of one."""
    axes = new_axes(part, "Reward while searching")
    indices = [episode.index for episode in episodes]
    rewards = [episode.reward for episode in episodes]
    axes.scatter(
        indices, rewards, s=9, color=BLUE, alpha=0.5, linewidths=0, label="episode", rasterized=len(episodes) > MANY
    )
    best = [np.nan if each is None else each.reward for each in best_so_far(episodes)]
    axes.step(indices, best, where="post", color=BLUE, linewidth=2.2, label="best so far")
    if found := episode_of_policy(episodes, uniform):
        axes.axhline(found.reward, color=ORANGE, linestyle="--", linewidth=1.5, label="uniform policy")
    if kept is not None and (marked := marked_episode(episodes, kept)):
        add_mark(axes, marked.episode.index, marked.episode.reward, STAR, marked.label)
    _leave_out_the_lowest(axes, rewards)
    axes.set_xlabel("episode")
    axes.set_ylabel("reward")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(part)


def accuracy_against_cost(
    episodes: Sequence[Episode],
    kind: str,
    whole: float,
    metric: str,
    uniform: Sequence[int] = (),
    original: float | None = None,
    kept: int | None = None,
) -> Figure:
    """Draw every scored policy by its cost, the frontier, the one that is kept, the uniform one, and the original.

    The original network is left out where no policy comes near its cost: it would leave no room for the others.

    Args:
        episodes: One or more.
        kind: A name in `amc.cost.costs.COSTS`.
        whole: What the whole network costs, of that kind.
        metric: How networks were scored.
        uniform: Units per group of the uniform policy; empty for none.
        original: What the whole network scores.
        kept: The index of the episode whose policy is kept; None while that is not known: the best is marked then.
    """
    figure, axes = new_figure(4.0, f"Accuracy against {COST_NAMES[kind]}")

    def share(episode: Episode) -> float:
        return 100 * float(getattr(episode.outcome, kind)) / whole

    def height(episode: Episode) -> float:
        return metric_value(episode.outcome.accuracy, metric)

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
    best = pareto_frontier(episodes, kind)
    axes.step(
        [share(episode) for episode in best],
        [height(episode) for episode in best],
        where="post",
        color=GREEN,
        linewidth=1.8,
        label="frontier",
    )
    if found := episode_of_policy(episodes, uniform):
        add_mark(axes, share(found), height(found), DIAMOND, "uniform policy")
    if marked := marked_episode(episodes, kept):
        add_mark(axes, share(marked.episode), height(marked.episode), STAR, marked.label)
    if original is not None and max(map(share, episodes)) > 90:
        add_mark(axes, 100, metric_value(original, metric), SQUARE, "original")
    _leave_out_the_lowest(axes, [height(episode) for episode in episodes])
    axes.set_xlabel(f"{COST_NAMES[kind]} left (%)")
    axes.set_ylabel(metric_label(metric))
    add_legend(figure)
    add_colour_bar(figure, points, "episode").locator = MaxNLocator(integer=True)
    return figure


def metric_label(metric: str) -> str:
    """The name of an axis for scores by the metric: a share is drawn in percent, a user's own metric is no share."""
    return "accuracy (%)" if is_share(metric) else score_name(metric)


def metric_value(value: float, metric: str) -> float:
    """A score by the metric in the unit of `metric_label`."""
    return 100 * value if is_share(metric) else value


def _leave_out_the_lowest(axes: Axes, values: Sequence[float]) -> None:
    """Spend the height on the better episodes: early ones may be far below, and a note says how many are."""
    lowest, median, high = np.quantile(values, [0.0, 0.5, 1.0])
    low = high - SHOWN * (high - median)
    if not lowest < low < high:
        return
    axes.set_ylim(low, high + 0.06 * (high - low))
    note = f"{np.sum(np.asarray(values) < low)} below"
    axes.annotate(note, (0.01, 0.02), xycoords="axes fraction", fontsize=8, color=INK, fontstyle="italic")
