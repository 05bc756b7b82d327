"""The command that gives the compact network of a run new weights, from calibration images alone."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.recover_arguments import Arguments

__all__ = ["Arguments", "main", "recover"]


def recover(arguments: Arguments) -> None:
    """Recover the compact network of a run, and write it into a folder of its own.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    with imports():
        from scripts.work.run_recover import run_recover
    run_recover(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Recover the network of the run that the command line names; the function behind the command."""
    run(recover, Arguments, argv)


if __name__ == "__main__":
    main()
