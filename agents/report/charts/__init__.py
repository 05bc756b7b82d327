"""The figures of searches and fine-tunings, for TensorBoard and for pages: each function draws one and returns it.

They are imported when the first one is drawn, since matplotlib takes its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amc.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from agents.report.charts.comparison_charts import best_so_far_curves as best_so_far_curves
    from agents.report.charts.comparison_charts import kept_shares as kept_shares
    from agents.report.charts.comparison_charts import run_lines as run_lines
    from agents.report.charts.embedding import inline_svg as inline_svg
    from agents.report.charts.episode_charts import accuracy_against_cost as accuracy_against_cost
    from agents.report.charts.episode_charts import learning_curve as learning_curve
    from agents.report.charts.front_charts import front_line as front_line
    from agents.report.charts.group_charts import sparsities as sparsities
    from agents.report.charts.group_charts import widths as widths
    from agents.report.charts.latency_charts import latency_by_width as latency_by_width
    from agents.report.charts.latency_charts import predicted_against_measured as predicted_against_measured
    from agents.report.charts.overview import search_overview as search_overview
    from agents.report.charts.strategy_charts import CostPoint as CostPoint
    from agents.report.charts.strategy_charts import best_so_far_means as best_so_far_means
    from agents.report.charts.strategy_charts import scores_against_cost as scores_against_cost
    from agents.report.charts.style import as_png as as_png
    from agents.report.charts.training_charts import loss_curve as loss_curve
    from agents.report.charts.training_charts import score_curve as score_curve
    from agents.report.charts.training_charts import training_curves as training_curves

HOMES = {
    "CostPoint": "agents.report.charts.strategy_charts",
    "accuracy_against_cost": "agents.report.charts.episode_charts",
    "as_png": "agents.report.charts.style",
    "best_so_far_curves": "agents.report.charts.comparison_charts",
    "best_so_far_means": "agents.report.charts.strategy_charts",
    "front_line": "agents.report.charts.front_charts",
    "inline_svg": "agents.report.charts.embedding",
    "kept_shares": "agents.report.charts.comparison_charts",
    "latency_by_width": "agents.report.charts.latency_charts",
    "learning_curve": "agents.report.charts.episode_charts",
    "loss_curve": "agents.report.charts.training_charts",
    "predicted_against_measured": "agents.report.charts.latency_charts",
    "run_lines": "agents.report.charts.comparison_charts",
    "score_curve": "agents.report.charts.training_charts",
    "scores_against_cost": "agents.report.charts.strategy_charts",
    "search_overview": "agents.report.charts.overview",
    "sparsities": "agents.report.charts.group_charts",
    "training_curves": "agents.report.charts.training_charts",
    "widths": "agents.report.charts.group_charts",
}
"""The module in which each function lives."""

__all__ = [*HOMES]

__getattr__, __dir__ = lazy_names(__name__, HOMES)
