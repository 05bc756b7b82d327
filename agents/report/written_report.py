"""Reports as files: the page of a run in its folder, and the page that compares several."""

from __future__ import annotations

from pathlib import Path

from agents.report.compared_runs import read_runs
from agents.report.comparison_page import render_comparison
from agents.report.page import render_page
from agents.report.run_comparison import RunComparison
from agents.report.run_record import read_record
from agents.report.tuning.tuning_page import render_tuning
from agents.report.tuning.tuning_record import TuningRecord, is_training, read_tuning
from amc.artifacts.run_folder import COMPARISON_FILE, REPORT_FILE
from amc.utils.errors import UserError
from amc.utils.files import write_text
from amc.utils.option_names import option


def report(folder: str | Path, *others: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of one run into its folder, or a page that compares several; give the path of the page.

    Args:
        folder: A run folder.
        *others: Other run folders to compare it with; none for the report of the one.
        out: The file of a comparison, which may not lie in a run folder; None for `comparison.html` in the current
            folder. The report of one run has its place, `report.html` in its folder.

    Raises:
        UserError: A folder without a run, damaged files, or a place that can't be written to.
    """
    for each in (folder, *others):
        if not isinstance(each, str | Path):
            raise UserError(f"expected the folder of a run, as save() wrote it, got {type(each).__name__}")
    if others:
        return write_comparison(compare(folder, *others), COMPARISON_FILE if out is None else out)
    if out is not None:
        raise UserError(f"{option('out')} is for comparisons; the report of one run is {REPORT_FILE} in its folder")
    return write_report(folder)


def write_report(folder: str | Path) -> Path:
    """Write the report of a search or a fine-tuning into its folder, as one HTML page; give the path of the page.

    The run may have ended, may have been interrupted, or may still be under way: the report shows the best so far.

    Args:
        folder: The run folder, in which `report.html` is written or replaced.

    Raises:
        UserError: No run is there, its files are damaged, or the folder can't be written to.
    """
    record = read_tuning(Path(folder)) if is_training(Path(folder)) else read_record(Path(folder))
    try:
        content = render_tuning(record) if isinstance(record, TuningRecord) else render_page(record)
    except ValueError as error:
        raise UserError(f"the results in {folder} are damaged: {error}") from error
    path = Path(folder) / REPORT_FILE
    write_text(path, content)
    return path


def compare(*folders: str | Path) -> RunComparison:
    """Read two runs or more and put them beside each other; the result shows itself as tables.

    Raises:
        UserError: There are fewer than two, one is named twice, or one holds no search or damaged files.
    """
    return RunComparison(read_runs([Path(folder) for folder in folders]))


def write_comparison(comparison: RunComparison, out: str | Path = COMPARISON_FILE) -> Path:
    """Write the page that compares runs, which needs nothing else; give its path.

    Raises:
        UserError: The file would lie in a folder of a run, is a folder, or can't be written.
    """
    path = Path(out)
    if path.is_dir():
        raise UserError(f"expected a file for {option('out')}, {path} is a folder; give {path / COMPARISON_FILE}")
    for run in comparison.runs:
        if path.resolve().is_relative_to(run.record.folder.resolve()):
            raise UserError(f"{path} lies in the run {run.record.folder}; give {option('out')} another place")
    write_text(path, render_comparison(comparison))
    return path
