"""A run as one HTML page that needs nothing else."""

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
    """Write it and say where."""
    print(write_report(arguments.run_dir))


def main() -> None:
    """Run as a command."""
    run(report, Arguments)


if __name__ == "__main__":
    main()
