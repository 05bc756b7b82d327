"""The command that trains the compact network of a run further, so that it gains back what pruning cost."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.command.cli import run
from scripts.command.signals import imports
from scripts.options.finetune_arguments import Arguments

__all__ = ["Arguments", "finetune", "main"]


def finetune(arguments: Arguments) -> None:
    """Begin the fine-tuning that the arguments describe, or resume it, and write its folder.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    with imports():
        from scripts.work.run_finetune import run_finetune
    run_finetune(arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Fine-tune the run that the command line names; the function behind the command."""
    run(finetune, Arguments, argv)


if __name__ == "__main__":
    main()
