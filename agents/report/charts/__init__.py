"""The figures of a search or a fine-tuning, for TensorBoard and for reports: each function draws one and returns it."""

from agents.report.charts.embedding import inline_svg
from agents.report.charts.episode_charts import accuracy_against_cost, learning_curve
from agents.report.charts.group_charts import sparsities, widths
from agents.report.charts.latency_charts import latency_by_width, predicted_against_measured
from agents.report.charts.overview import search_overview
from agents.report.charts.style import as_png
from agents.report.charts.training_charts import loss_curve, score_curve, training_curves

__all__ = [
    "accuracy_against_cost",
    "as_png",
    "inline_svg",
    "latency_by_width",
    "learning_curve",
    "loss_curve",
    "predicted_against_measured",
    "score_curve",
    "search_overview",
    "sparsities",
    "training_curves",
    "widths",
]
