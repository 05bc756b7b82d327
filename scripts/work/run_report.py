"""The work of `amc report`: the page of a run, or several runs compared in the terminal and in a page."""

from __future__ import annotations

from agents.report import compare, report, write_comparison
from amc.artifacts.run_folder import COMPARISON_FILE
from scripts.options.report_arguments import Arguments


def run_report(arguments: Arguments) -> None:
    """Write the report, or the comparison of several runs with its tables, and print the path of the page.

    Raises:
        UserError: A folder without a run, or a place that can't be written to.
    """
    if len(arguments.run_dir) == 1:
        print(report(*arguments.run_dir, out=arguments.out))
        return
    comparison = compare(*arguments.run_dir)
    path = write_comparison(comparison, arguments.out or COMPARISON_FILE)
    print(comparison)
    print(path)
