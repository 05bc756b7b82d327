"""The charts of strategies that are compared, for the page and for TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from agents.report import charts
from agents.report.strategies.seed_means import seed_mean
from agents.report.strategies.strategy_comparison import StrategyComparison
from agents.report.strategies.strategy_tables import judged
from amc.scoring.number_format import COST_NAMES, is_share, metric_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from agents.report.charts.comparison_charts import RunLine


class NamedFigure(NamedTuple):
    """A chart, and in words what it shows."""

    name: str
    figure: Figure


AXES = {False: "evaluations", True: "seconds of searching"}
"""What curves are drawn against, by whether that is time."""
HALVES = {True: "judging half", False: "search half"}
"""The images that curves are of, by whether they judge."""


def figures(comparison: StrategyComparison) -> Iterator[NamedFigure]:
    """Yield for each budget the best so far against evaluations and seconds, then the scores against each kind of cost.

    A strategy has the same line in all of them.
    """
    lines = dict(zip(comparison.strategies, charts.run_lines(comparison.strategies), strict=True))
    for budget in comparison.budgets:
        for is_judged, in_seconds in ((True, False), (True, True), (False, False), (False, True)):
            yield _curves(comparison, lines, budget, judged=is_judged, in_seconds=in_seconds)
    for kind in COST_NAMES:
        if budgets := [budget for budget in comparison.budgets if f"{kind}=" in budget]:
            yield _against_cost(comparison, lines, budgets, kind)


def _curves(
    comparison: StrategyComparison, lines: dict[str, RunLine], budget: str, *, judged: bool, in_seconds: bool
) -> NamedFigure:
    curves = {
        line: comparison.curve(budget, name, judged=judged, in_seconds=in_seconds)
        for name, line in lines.items()
        if comparison.of(budget, name)
    }
    title = f"Best so far on the {HALVES[judged]} at {budget}"
    figure = charts.best_so_far_means(curves, title, AXES[in_seconds], *_scale(comparison.metric))
    return NamedFigure(f"{title}, against {AXES[in_seconds]}", figure)


def _against_cost(
    comparison: StrategyComparison, lines: dict[str, RunLine], budgets: list[str], kind: str
) -> NamedFigure:
    points: dict[RunLine, list[charts.CostPoint]] = {}
    for name, line in lines.items():
        for budget in budgets:
            if comparison.of(budget, name):
                found = comparison.mean(budget, name, judged)
                left = comparison.mean(budget, name, lambda cell: cell.left[kind]).value
                points.setdefault(line, []).append(charts.CostPoint(left, found.value, found.half or 0.0))
    original = seed_mean([cell.original.judged for cell in comparison.cells]).value
    figure = charts.scores_against_cost(points, original, COST_NAMES[kind], *_scale(comparison.metric))
    return NamedFigure(f"Scores on the judging half against {COST_NAMES[kind]} left, at all budgets", figure)


def _scale(metric: str) -> tuple[str, float]:
    """The name of the score on an axis, and the number that scores are multiplied by."""
    return (f"{metric_name(metric)} (%)", 100.0) if is_share(metric) else (metric_name(metric), 1.0)
