"""The command that compares strategies on a network of the user's."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.compare_arguments import Arguments

__all__ = ["Arguments", "compare", "main"]


def compare(arguments: Arguments) -> None:
    """Make the searches that the folder lacks, then print the tables and the path of the page.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    with imports():
        from scripts.work.run_compare import run_compare
    run_compare(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Compare what the command line names; the function behind the command."""
    run(compare, Arguments, argv)


if __name__ == "__main__":
    main()
