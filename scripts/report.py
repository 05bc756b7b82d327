"""The command that writes a run as one HTML page, which needs no other file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agents.report import write_report
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Write report.html into the folder of a run, also of one that has not ended."""

    run_dir: Path
    """Folder of the run."""


def report(arguments: Arguments) -> None:
    """Write the report and print its path.

    Raises:
        UserError: A folder without a run, or one that can't be written to.
    """
    print(write_report(arguments.run_dir))


def main() -> None:
    """Report on the run that the command line names; the function behind the command."""
    run(report, Arguments)


if __name__ == "__main__":
    main()
