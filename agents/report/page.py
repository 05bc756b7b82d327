"""The page of a search, made of the template `templates/report.html`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from agents.report import charts, page_tables, sentences
from agents.report.rendering import render
from agents.report.run_record import RunRecord
from agents.report.run_result import FOUND, RunResult, run_result
from amc.scoring.number_format import COST_NAMES, metric_name


def render_page(record: RunRecord) -> str:
    """The HTML of a whole page, which refers to nothing that lies outside it.

    Raises:
        ValueError: the files of the run do not go together.
    """
    result = run_result(record)
    reached = [page_tables.asked_and_reached(record, result)]
    if result is not None:
        reached.append(page_tables.costs(record, result))
    if stages := page_tables.judged(record) or page_tables.stages(record):
        reached.append(stages)
    if front := page_tables.front(record):
        reached.append(front)
    return render(
        "report.html",
        headline=sentences.headline(record, result),
        goal=sentences.goal_of(record),
        comparison=sentences.comparison_with_uniform(record),
        state=sentences.state(record),
        resume_command=sentences.how_to_resume(record),
        reached=reached,
        found=None if result is None else _found(record, result),
        commands=page_tables.commands(record),
        circumstances=page_tables.circumstances(record),
    )


def _found(record: RunRecord, result: RunResult) -> dict[str, Any]:
    """What the template shows of a run that has scored a policy within the budget."""
    return {
        "metric": metric_name(record.metric),
        "name": FOUND,
        "scores": page_tables.scores(record, result),
        "ranking": sentences.how_finalists_were_ranked(record),
        "recovery": sentences.how_recovery_was_chosen(record),
        "finalists": page_tables.finalists(record),
        "kept_episode": str(record.kept_episode),
        "search_charts": list(_search_charts(record)),
        "width_chart": _width_chart(record, result),
        "channels": page_tables.channels(record, result),
    }


def _search_charts(record: RunRecord) -> Iterator[str]:
    episodes, units = record.episodes, np.array([group.units for group in record.groups])
    original = None if record.summary is None else record.summary.original_accuracy
    kept = record.kept_episode
    if record.front is not None and original is not None:
        front = charts.front_line(record.front, original)
        yield charts.inline_svg(front, "front", "The score at each point of the range of budgets; see the table.")
    curve = charts.learning_curve(episodes, record.uniform, kept)
    yield charts.inline_svg(curve, "reward", "Reward of every episode and of the best so far.")
    for kind, whole in record.whole.items():
        scatter = charts.accuracy_against_cost(episodes, kind, whole, record.metric, record.uniform, original, kept)
        yield charts.inline_svg(
            scatter, kind, f"Every scored policy by the {COST_NAMES[kind]} that are left and its score."
        )
    heat_map = charts.sparsities(episodes, record.group_names, units, kept)
    yield charts.inline_svg(heat_map, "sparsity", "Sparsity of every group in every episode.")


def _width_chart(record: RunRecord, result: RunResult) -> str:
    before = [group.width for group in record.groups]
    bars = charts.widths(record.group_names, before, result.channels, result.uniform)
    return charts.inline_svg(bars, "widths", "Channels of every group before and after; see the table.")
