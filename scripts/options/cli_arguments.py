"""Arguments as words of a command line: what a run writes down so that it can be begun again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def options_of(arguments: Any, usual: Any = None) -> Iterator[tuple[str, Any, Any]]:
    """Name, value and default of every option; `usual` holds the defaults, by default those of the class."""
    for field in dataclasses.fields(arguments):
        value = getattr(arguments, field.name)
        if usual is not None:
            default = getattr(usual, field.name)
        else:
            default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if dataclasses.is_dataclass(value):
            yield from options_of(value, default)
        else:
            yield field.name, value, default


def flat(arguments: Any) -> dict[str, Any]:
    """All options by name, those of nested dataclasses beside the others, as JSON holds them."""
    return {name: str(value) if isinstance(value, Path) else value for name, value, _ in options_of(arguments)}


def given(arguments: Any) -> dict[str, Any]:
    """The options that differ from their defaults."""
    return {name: value for name, value, default in options_of(arguments) if value != default}


def to_words(arguments: Any) -> tuple[str, ...]:
    """The command line that these arguments are read from again."""
    words: list[str] = []
    for name, value in given(arguments).items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
            continue
        repeated = isinstance(value, tuple) and all(isinstance(each, tuple) for each in value)
        for each in value if repeated else (value,):
            words += [f"--{option}", *map(str, each if isinstance(each, tuple) else (each,))]
    return tuple(words)


def replaced(arguments: T, changes: Mapping[str, Any]) -> T:
    """The arguments with other values for some options, wherever they are nested."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(arguments):  # type: ignore[arg-type]
        value = getattr(arguments, field.name)
        values[field.name] = (
            replaced(value, changes) if dataclasses.is_dataclass(value) else changes.get(field.name, value)
        )
    return type(arguments)(**values)
