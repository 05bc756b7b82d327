"""The frame of every entry point: it reads the command line and prints a user's mistakes in one line."""

import contextlib
import io
import itertools
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import tyro

from amc.utils.errors import UserError
from amc.utils.option_names import options_as_flags
from scripts.command.signals import INTERRUPTED, raise_on_signals

Arguments = TypeVar("Arguments")

MISTAKE = 2
"""Exit status after a user's mistake."""

ANSI_CODE = re.compile(r"\x1b\[[0-9;]*m")
RULE = re.compile(r"[-─╰╯]+")


def run(work: Callable[[Arguments], None], arguments: type[Arguments], argv: Sequence[str] | None = None) -> None:
    """Read a dataclass of arguments from the command line and do the work.

    Exits with status 2 and one line on standard error after a mistake on the command line or a
    `UserError`, with status 130 if the user interrupts, with 128 and the signal's number after SIGTERM or SIGHUP.

    Args:
        work: What the entry point does.
        arguments: The dataclass that `work` takes; each field's docstring is its help.
        argv: The command-line arguments after the program's name; None for those of this process.
    """
    try:
        with raise_on_signals(), options_as_flags():
            work(parse(arguments, argv))
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(MISTAKE)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def parse(arguments: type[Arguments], argv: Sequence[str] | None) -> Arguments:
    """The dataclass `arguments` with the values that `argv` gives; None for the command line of this process.

    Raises:
        UserError: Options that it does not have or values that they do not take, in one line.
    """
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return tyro.cli(arguments, prog=Path(sys.argv[0]).stem, args=argv)
    except SystemExit as stop:
        if stop.code == MISTAKE:
            raise UserError(_condensed(printed.getvalue())) from None
        raise


def _condensed(box: str) -> str:
    """One line made from the box that tyro prints: its first section, and the option that it suggests.

    The box has a title, perhaps a rule below it, then sections with rules in between. They are drawn with lines where
    the terminal has them, else with hyphens.
    """
    rows = [line.strip("│ ") for line in ANSI_CODE.sub("", box).splitlines()[1:]]
    untitled = itertools.dropwhile(RULE.fullmatch, rows)
    first = itertools.takewhile(lambda row: not RULE.fullmatch(row), untitled)
    message = " ".join(" ".join(first).split())
    suggested = re.search(r"Perhaps you meant:\s+(--[\w-]+)", " ".join(rows))
    hint = f"did you mean {suggested[1]}? " if suggested else ""
    return f"{message.removeprefix('Error ').rstrip('.')}; {hint}--help lists all options"
