"""The page that compares strategies, made of the template `templates/strategies.html`."""

from __future__ import annotations

from agents.report import charts
from agents.report.page_tables import page_table
from agents.report.rendering import render
from agents.report.strategies.strategy_comparison import StrategyComparison
from agents.report.strategies.strategy_figures import figures


def render_strategies(comparison: StrategyComparison) -> str:
    """The HTML of the page, which refers to nothing that lies outside it."""
    return render(
        "strategies.html",
        headline=comparison.headline,
        tables=[(table.title, page_table(table), table.notes) for table in comparison.tables],
        charts=[
            charts.inline_svg(figure, f"chart-{number}", f"{name}.")
            for number, (name, figure) in enumerate(figures(comparison))
        ],
    )
