"""A run as one HTML page that needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agents.report.page import page
from agents.report.run_record import read_record
from amc.artifacts.run_folder import REPORT_FILE
from amc.utils.errors import UserError
from amc.utils.files import write_text
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Write report.html into the folder of a run, also of one that has not ended."""

    run_dir: Path
    """Folder of the run."""


def write_report(folder: Path) -> Path:
    """Write the report of the run in `folder` into it, and return its path.

    Raises:
        UserError: no run is there, its files are damaged, or the folder can't be written to.
    """
    record = read_record(folder)
    try:
        content = page(record)
    except ValueError as error:
        raise UserError(f"the results in {folder} are damaged: {error}") from error
    path = folder / REPORT_FILE
    write_text(path, content)
    return path


def report(arguments: Arguments) -> None:
    """Write it and say where."""
    print(write_report(arguments.run_dir))


def main() -> None:
    """Run as a command."""
    run(report, Arguments)


if __name__ == "__main__":
    main()
