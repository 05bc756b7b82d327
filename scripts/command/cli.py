"""The frame of every entry point: it reads the command line and prints a user's mistakes in one line."""

from __future__ import annotations

import errno
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from amc.utils.errors import FunctionsNotGivenError, UserError
from amc.utils.option_names import options_as_flags
from amc.utils.program import command_words, typed_name, words_for
from amc.utils.text import check_encodable
from scripts.command.help_page import HelpPage
from scripts.command.parser import read_arguments
from scripts.command.signals import INTERRUPTED, raise_on_signals
from scripts.command.streams import lenient_streams

Arguments = TypeVar("Arguments")

MISTAKE = 2
"""Exit status after a user's mistake."""


def run(
    work: Callable[[Arguments], None],
    arguments: type[Arguments],
    argv: Sequence[str] | None = None,
    command: str = "",
) -> None:
    """Read a dataclass of arguments from the command line and do the work.

    Exits with status 2 and one line on standard error after a mistake on the command line or a
    `UserError`, with status 130 if the user interrupts, with 128 and the signal's number after SIGTERM or SIGHUP.

    Args:
        work: What the entry point does.
        arguments: The dataclass that `work` takes; each field's docstring is its help.
        argv: The command-line arguments after the program's name; None for those of this process.
        command: The name of the command behind `amc`; none where it is that of `work`.
    """
    name = command or work.__name__
    try:
        with lenient_streams(), raise_on_signals(), options_as_flags():
            work(parse(arguments, argv, name))
    except FunctionsNotGivenError as error:
        refuse(f"{error}; run: {_with_functions(error, argv, name)}")
    except UserError as error:
        refuse(str(error))
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:  # a name that was typed, as no file can have it
            raise
        refuse(f"{error.strerror}: {error.filename}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def refuse(mistake: str) -> NoReturn:
    """Print a user's mistake in one line, and end the program."""
    print(f"error: {' '.join(mistake.split())}", file=sys.stderr)
    sys.exit(MISTAKE)


def _with_functions(error: FunctionsNotGivenError, argv: Sequence[str] | None, command: str) -> str:
    """The command line that was typed, with the functions that it lacks."""
    typed = sys.argv[1:] if argv is None else argv
    return shlex.join([*command_words(command), *typed, *words_for(error.functions)])


def parse(arguments: type[Arguments], argv: Sequence[str] | None, command: str = "") -> Arguments:
    """The dataclass `arguments` with the values that `argv` gives; None for the command line of this process.

    Raises:
        UserError: Options that it does not have or values that they do not take, in one line.
    """
    page = HelpPage(typed_name(command), arguments)
    typed = sys.argv[1:] if argv is None else argv
    for word in (*typed, _current_folder()):
        check_encodable(word)
    return read_arguments(arguments, typed, page)


def _current_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError as error:
        raise UserError("the folder that the command was started in is gone; go to another one") from error
