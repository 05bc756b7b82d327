"""Apply what was learned on one network to another: a trained agent, or a policy."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.apply_arguments import Arguments

__all__ = ["Arguments", "apply", "main"]


def apply(arguments: Arguments) -> None:
    """Begin the run that the arguments describe, or resume it, and write its run folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    with imports():
        from scripts.work.run_apply import run_apply
    run_apply(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Apply an agent or a policy as the command line asks for; the function behind the command."""
    run(apply, Arguments, argv)


if __name__ == "__main__":
    main()
