"""The command that writes a run as one HTML page, which needs no other file, or compares several runs."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.report_arguments import Arguments

__all__ = ["Arguments", "main", "report"]


def report(arguments: Arguments) -> None:
    """Write the report, or the comparison of several runs with its tables, and print the path of the page.

    Raises:
        UserError: A folder without a run, or a place that can't be written to.
    """
    with imports():
        from scripts.work.run_report import run_report
    run_report(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Report on the runs that the command line names; the function behind the command."""
    run(report, Arguments, argv)


if __name__ == "__main__":
    main()
