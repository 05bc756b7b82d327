"""The page of a report, made of the template `templates/report.html`, and its file in the run folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from agents.report import charts, page_tables, sentences
from agents.report.charts import inline_svg
from agents.report.rendering import render
from agents.report.run_record import RunRecord, read_record
from agents.report.run_result import FOUND, RunResult, run_result
from agents.report.tuning.tuning_page import render_tuning
from agents.report.tuning.tuning_record import TuningRecord, is_training, read_tuning
from amc.artifacts.run_folder import REPORT_FILE
from amc.scoring.number_format import COST_NAMES, metric_name
from amc.utils.errors import UserError
from amc.utils.files import write_text


def write_report(folder: Path) -> Path:
    """Write the report of a search or a fine-tuning into its folder, as one HTML page; give the path of the page.

    The run may have ended, may have been interrupted, or may still be under way: the report shows the best so far.

    Args:
        folder: The run folder, in which `report.html` is written or replaced.

    Raises:
        UserError: no run is there, its files are damaged, or the folder can't be written to.
    """
    record = read_tuning(folder) if is_training(folder) else read_record(folder)
    try:
        content = render_tuning(record) if isinstance(record, TuningRecord) else render_page(record)
    except ValueError as error:
        raise UserError(f"the results in {folder} are damaged: {error}") from error
    path = folder / REPORT_FILE
    write_text(path, content)
    return path


def render_page(record: RunRecord) -> str:
    """The HTML of a whole page, which refers to nothing that lies outside it.

    Raises:
        ValueError: the files of the run do not go together.
    """
    result = run_result(record)
    reached = [page_tables.asked_and_reached(record, result)]
    if result is not None:
        reached.append(page_tables.costs(record, result))
    if stages := page_tables.stages(record):
        reached.append(stages)
    return render(
        "report.html",
        headline=sentences.headline(record, result),
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
    curve = charts.learning_curve(episodes, record.uniform, kept)
    yield inline_svg(curve, "reward", "Reward of every episode and of the best so far.")
    for kind, whole in record.whole.items():
        scatter = charts.accuracy_against_cost(episodes, kind, whole, record.metric, record.uniform, original, kept)
        yield inline_svg(scatter, kind, f"Every scored policy by the {COST_NAMES[kind]} that are left and its score.")
    heat_map = charts.sparsities(episodes, record.group_names, units, kept)
    yield inline_svg(heat_map, "sparsity", "Sparsity of every group in every episode.")


def _width_chart(record: RunRecord, result: RunResult) -> str:
    before = [group.width for group in record.groups]
    bars = charts.widths(record.group_names, before, result.channels, result.uniform)
    return inline_svg(bars, "widths", "Channels of every group before and after; see the table.")
