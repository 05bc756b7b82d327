"""Entries of a JSON file, checked as they are read: a fault is a `ValueError` that names the entry."""

from __future__ import annotations

import json
import reprlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from amc.utils.errors import UserError

T = TypeVar("T")


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        UserError: no such file, or nothing that can be read as one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"no {path.name} in {path.parent}; give the folder of a finished run") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged: expected an object, got {reprlib.repr(content)}")
    return content


def entry(content: Any, name: str, read: Callable[[Any], T]) -> T:
    """What `read` makes of one entry of an object."""
    if not isinstance(content, Mapping):
        raise ValueError(f"expected an object, got {reprlib.repr(content)}")
    if name not in content:
        raise ValueError(f"{name!r} is missing")
    try:
        return read(content[name])
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from error


def text(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {reprlib.repr(value)}")
    return value


def integer(value: Any) -> int:
    """A whole number of 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected a whole number of 0 or more, got {reprlib.repr(value)}")
    return value


def number(value: Any) -> float:
    """A finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"expected a number, got {reprlib.repr(value)}")
    return float(value)


def optional(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """A reader that lets null pass."""
    return lambda value: None if value is None else read(value)


def list_of(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """A reader of lists, by a reader of their items."""

    def read_list(value: Any) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValueError(f"expected a list, got {reprlib.repr(value)}")
        return tuple(map(read, value))

    return read_list


def object_of(read: Callable[[Any], T]) -> Callable[[Any], dict[str, T]]:
    """A reader of objects, by a reader of their values."""

    def read_items(value: Any) -> dict[str, T]:
        if not isinstance(value, dict):
            raise ValueError(f"expected an object, got {reprlib.repr(value)}")
        return {name: entry(value, name, read) for name in value}

    return read_items
