"""The command that shows what of a network can be pruned, which takes no data."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.describe_arguments import Arguments

__all__ = ["Arguments", "describe", "main"]


def describe(arguments: Arguments) -> None:
    """Analyse the network and print its channel groups and costs.

    Raises:
        UserError: A network that can't be loaded or run, or of which nothing can be pruned.
    """
    with imports():
        from scripts.work.run_describe import run_describe
    run_describe(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Describe the network that the command line names; the function behind the command."""
    run(describe, Arguments, argv)


if __name__ == "__main__":
    main()
