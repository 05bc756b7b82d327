"""The page that compares runs, made of the template `templates/comparison.html`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.report import charts
from agents.report.compared_runs import RunGroup
from agents.report.page_tables import page_table
from agents.report.rendering import render
from agents.report.run_comparison import RunComparison
from agents.report.run_record import GroupShape


def render_comparison(comparison: RunComparison) -> str:
    """The HTML of the page that compares runs, which refers to nothing that lies outside it."""
    asked, reached = map(page_table, comparison.tables)
    return render(
        "comparison.html",
        headline=comparison.headline,
        notes=comparison.notes,
        asked=asked,
        reached=reached,
        best=[run.name for run in comparison.best],
        charts=[*_charts(comparison)],
    )


def _charts(comparison: RunComparison) -> Iterator[str]:
    """The curves of all runs, and their widths in a chart for each network; a run has the same line in all."""
    lines = dict(zip(comparison.runs, charts.run_lines([run.name for run in comparison.runs]), strict=True))
    if episodes := {lines[run]: run.record.episodes for run in comparison.runs if run.record.episodes}:
        only = comparison.groups[0].uniform.episode if len(comparison.groups) == 1 else None
        figure = charts.best_so_far_curves(episodes, only.reward if only else None)
        yield charts.inline_svg(figure, "curves", "The best reward so far of every run, against the episodes.")
    networks: dict[tuple[str, Sequence[GroupShape]], list[RunGroup]] = {}
    for group in comparison.groups:
        networks.setdefault((group.setting.model, group.setting.groups), []).append(group)
    for number, ((model, shapes), groups) in enumerate(networks.items()):
        results = {run: run.result for group in groups for run in group.runs if run.result}
        if not results:
            continue
        kept = {lines[run]: result.channels for run, result in results.items()}
        uniform = next(iter(results.values())).uniform if len(groups) == 1 else ()
        title = f"Channels kept of every group of {model}"
        names, before = [shape.name for shape in shapes], [shape.width for shape in shapes]
        figure = charts.kept_shares(names, before, kept, uniform, title)
        yield charts.inline_svg(figure, f"widths-{number}", f"{title}, by each run.")
