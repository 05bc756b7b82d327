"""The command that writes a run as one HTML page, which needs no other file."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.report_arguments import Arguments

__all__ = ["Arguments", "main", "report"]


def report(arguments: Arguments) -> None:
    """Write the report and print its path.

    Raises:
        UserError: A folder without a run, or one that can't be written to.
    """
    with imports():
        from scripts.work.run_report import run_report
    run_report(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Report on the run that the command line names; the function behind the command."""
    run(report, Arguments, argv)


if __name__ == "__main__":
    main()
