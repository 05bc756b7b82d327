"""The command that trains a network, so that there is something to prune."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.pretrain_arguments import Arguments

__all__ = ["Arguments", "main", "pretrain"]


def pretrain(arguments: Arguments) -> None:
    """Begin the training that the arguments describe, or resume it, and write the weights of the best epoch.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    with imports():
        from scripts.work.run_pretrain import run_pretrain
    run_pretrain(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Train the network that the command line names; the function behind the command."""
    run(pretrain, Arguments, argv)


if __name__ == "__main__":
    main()
