"""The command that writes the compact network of a run in formats that run without this project."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.export_arguments import Arguments

__all__ = ["Arguments", "export", "main"]


def export(arguments: Arguments) -> None:
    """Load the compact network, write and check each file, and print its size and its difference from the network.

    Raises:
        UserError: An unknown format, a run that can't be read, or a file that differs from the network.
    """
    with imports():
        from scripts.work.run_export import run_export
    run_export(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Export the run that the command line names; the function behind the command."""
    run(export, Arguments, argv)


if __name__ == "__main__":
    main()
