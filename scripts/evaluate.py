"""The command that scores an original or a compact network from its files."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.evaluate_arguments import Arguments

__all__ = ["Arguments", "evaluate", "main"]


def evaluate(arguments: Arguments) -> None:
    """Load the network and its images, then print score, costs and times per image.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    with imports():
        from scripts.work.run_evaluate import run_evaluate
    run_evaluate(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate the network that the command line names; the function behind the command."""
    run(evaluate, Arguments, argv)


if __name__ == "__main__":
    main()
