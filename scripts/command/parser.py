"""The parser of a command line, made from a dataclass of options."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from amc.utils.errors import UserError
from scripts.command.help_page import HELP_ALL, HelpPage
from scripts.options.cli_arguments import CommandLine, replace_options
from scripts.options.option_fields import MISSING, Option, default_of, option_fields, options_of_class, reader

Arguments = TypeVar("Arguments")
WITHOUT_NAME = " without its name"
"""The end of the name that a value has in the parser where it stands without its option's name."""


def read_arguments(arguments: type[Arguments], argv: Sequence[str], page: HelpPage) -> Arguments:
    """The dataclass with the values that the command line `argv` gives; where it asks for help, the page is printed.

    Raises:
        UserError: Options that the dataclass does not have, values that they do not take, or one that is missing.
    """
    options = list(options_of_class(arguments))
    parser = _Parser(page)
    for option in options:
        parser.add(option)
    given, rest = parser.parse_known_args(argv)
    if rest:
        parser.refuse(rest[0], [option.flag for option in options])
    values = vars(given)
    found: dict[str, Any] = {}
    for option in options:
        named, unnamed = (values[name] for name in (option.name, f"{option.name}{WITHOUT_NAME}"))
        if named is not None and unnamed is not None:
            raise UserError(f"expected {option.positional} or {option.flag}, one of them, got both")
        value = named if unnamed is None else unnamed
        if value is not None:
            found[option.name] = tuple(map(tuple, value)) if option.appended else value
        elif option.default is MISSING:
            wanted = f"{option.positional} or {option.flag}" if option.positional else option.flag
            raise UserError(f"expected {wanted}; {parser.hint}")
    return _built(arguments, found)


def _built(arguments: type[Arguments], given: dict[str, Any]) -> Arguments:
    values: dict[str, Any] = {}
    for field in option_fields(arguments):
        if field.name in given:
            values[field.name] = given[field.name]
        elif dataclasses.is_dataclass(default := default_of(field)):
            values[field.name] = replace_options(default, given)
    return arguments.read(values, given) if issubclass(arguments, CommandLine) else arguments(**values)


class _Parser(argparse.ArgumentParser):
    """Reads options, and refuses what it can't read with a `UserError` of one line."""

    def __init__(self, page: HelpPage) -> None:
        super().__init__(prog=page.name, add_help=False, allow_abbrev=False)
        self.hint = f"{HELP_ALL if page.is_short else '--help'} lists all options"
        self.add_argument("-h", "--help", action=_Show, show=page.text)
        self.add_argument(HELP_ALL, action=_Show, show=lambda: page.text(whole=True))

    def add(self, option: Option) -> None:
        """Add an option; where it is not given, its value is None."""
        without_name = f"{option.name}{WITHOUT_NAME}"
        self.set_defaults(**{without_name: None})
        if option.form is None:
            self.add_argument(option.flag, dest=option.name, action=argparse.BooleanOptionalAction)
        elif option.appended:
            self.add_argument(option.flag, dest=option.name, action="append", nargs="*", type=_checked(option))
        elif option.many:
            self.add_argument(option.flag, dest=option.name, action=_Joined, nargs="+", type=_several(option))
        else:
            self.add_argument(option.flag, dest=option.name, type=_checked(option))
        if option.positional and option.many:
            self.add_argument(without_name, metavar=option.positional, nargs="*", action=_Joined, type=_several(option))
        elif option.positional:
            self.add_argument(without_name, metavar=option.positional, nargs="?", type=_checked(option))

    def refuse(self, word: str, flags: Sequence[str]) -> NoReturn:
        """Refuse a word that nothing is made of."""
        flag = word.partition("=")[0]
        if not flag.startswith("-"):
            raise UserError(f"unexpected {word!r}; {self.hint}")
        names = {each.lstrip("-"): each for each in flags}
        close = difflib.get_close_matches(flag.lstrip("-"), names, n=1)
        similar = "".join(f"did you mean {names[each]}? " for each in close)
        raise UserError(f"there is no option {flag}; {similar}{self.hint}")

    def error(self, message: str) -> NoReturn:
        """Refuse a command line, for the reason that `argparse` gives."""
        raise UserError(f"{message.removeprefix('argument ')}; {self.hint}")


class _Show(argparse.Action):
    """Prints a text and ends the program."""

    def __init__(self, option_strings: Sequence[str], dest: str, show: Callable[[], str]) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS)
        self._show = show

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(self._show(), end="", flush=True)
        parser.exit()


class _Joined(argparse.Action):
    """Joins the values of several words, each of which may hold several; without a word there is no value."""

    def __call__(self, _: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, __: Any = None) -> None:
        setattr(namespace, self.dest, tuple(each for word in values for each in word) or None)


def _checked(option: Option) -> Callable[[str], Any]:
    """Reads one value; what it refuses is told as it says it."""
    read = reader(option)

    def checked(word: str) -> Any:
        try:
            return read(word)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _several(option: Option) -> Callable[[str], tuple[Any, ...]]:
    """Reads values from one word; numbers may have commas between them."""
    read = _checked(option)
    return lambda word: tuple(map(read, word.split(",") if option.kind in (int, float) else (word,)))
