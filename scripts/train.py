"""The main command: it searches for a pruning policy."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.train_arguments import Arguments

__all__ = ["Arguments", "main", "train"]


def train(arguments: Arguments) -> None:
    """Begin the search that the arguments describe, or resume it, and write its run folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    with imports():
        from scripts.work.run_train import run_train
    run_train(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Search as the command line asks for; the function behind the command."""
    run(train, Arguments, argv)


if __name__ == "__main__":
    main()
