"""The command that writes a run as one HTML page, which needs no other file."""

from __future__ import annotations

from agents.report import write_report
from scripts.options.report_arguments import Arguments


def run_report(arguments: Arguments) -> None:
    """Write the report and print its path.

    Raises:
        UserError: A folder without a run, or one that can't be written to.
    """
    print(write_report(arguments.run_dir))
