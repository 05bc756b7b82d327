"""Dataclasses of options as flat names and values, and as the command line that a run writes down to be resumed by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from scripts.options.option_fields import default_of, option_fields, options_of_class

T = TypeVar("T")


@dataclass(frozen=True)
class CommandLine:
    """The base of options that know which of them were given, which may be their defaults.

    Attributes:
        given: The names of the options that were given on the command line.
    """

    given: frozenset[str] = dataclasses.field(default=frozenset(), init=False, repr=False, compare=False)

    @classmethod
    def read(cls, values: Mapping[str, Any], given: Iterable[str]) -> Self:
        """The options with these values of its fields, of which some were given."""
        arguments = cls(**values)
        object.__setattr__(arguments, "given", frozenset(given))
        return arguments


def options_of(arguments: Any, usual: Any = None) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, value and default of every option; the defaults are those of `usual`, else those of the class."""
    for field in option_fields(arguments):
        value = getattr(arguments, field.name)
        default = getattr(usual, field.name) if usual is not None else default_of(field)
        if dataclasses.is_dataclass(value):
            yield from options_of(value, default)
        else:
            yield field.name, value, default


def flat_options(arguments: Any) -> dict[str, Any]:
    """All options by name, with those of nested dataclasses beside the others and paths as text, ready for JSON."""
    return {name: str(value) if isinstance(value, Path) else value for name, value, _ in options_of(arguments)}


def changed_options(arguments: Any) -> dict[str, Any]:
    """The options that differ from their defaults, by name."""
    return {name: value for name, value, default in options_of(arguments) if value != default}


def given_options(arguments: Any) -> dict[str, Any]:
    """The options that were given, by name; where that is not known, those that differ from their defaults."""
    if not isinstance(arguments, CommandLine) or not arguments.given:
        return changed_options(arguments)
    return {name: value for name, value, _ in options_of(arguments) if name in arguments.given}


def to_argv(arguments: Any) -> tuple[str, ...]:
    """The command-line arguments from which these options are read again."""
    words: list[str] = []
    changed = changed_options(arguments)
    for option in options_of_class(type(arguments)):
        if option.name not in changed:
            continue
        value = changed[option.name]
        if option.form is None:
            words.append(option.flag if value else f"--no-{option.flag.removeprefix('--')}")
            continue
        for each in value if option.appended else (value,):
            words += [option.flag, *map(option.form.write, each if option.many else (each,))]
    return tuple(words)


def replace_options(arguments: T, changes: Mapping[str, Any]) -> T:
    """A copy of the options with other values for some of them, in whichever nested dataclass they are."""
    values: dict[str, Any] = {}
    for field in option_fields(arguments):
        value = getattr(arguments, field.name)
        values[field.name] = (
            replace_options(value, changes) if dataclasses.is_dataclass(value) else changes.get(field.name, value)
        )
    return type(arguments)(**values)
