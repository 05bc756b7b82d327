"""Finds a metric, criterion, recovery, ... by name, in a user's file, or as an object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from amc.utils.errors import UserError
from amc.utils.text import did_you_mean, one_line
from amc.utils.user_file import FORM, is_user_function, load_function

T = TypeVar("T")


def look_up(what: str, name: str, table: Mapping[str, T]) -> T:
    """Return the entry of `table` called `name`.

    Raises:
        UserError: There is no such entry; the message calls it a `what`, such as "criterion", and suggests similar
            names.
    """
    if name not in table:
        raise UserError(f"unknown {what} {name!r}; {did_you_mean(name, table)}")
    return table[name]


@dataclass(frozen=True)
class UserFunction:
    """A callable that a user brought along; whatever it raises becomes an error of one line.

    Attributes:
        what: What it is used as, such as `metric`.
        name: How messages and files name it, as given by `name_of`.
        function: The callable itself.
    """

    what: str
    name: str
    function: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        """Call the function.

        Raises:
            UserError: The function raised an exception.
        """
        with self.errors_named():
            return self.function(*args)

    @contextmanager
    def errors_named(self, called: str = "") -> Iterator[None]:
        """Turn any exception raised while the context is open into a UserError that names this function.

        Args:
            called: How the function is called, which is told where it took what it was given for something else.
        """
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            advice = f"; {called}" if called and isinstance(error, AttributeError | TypeError) else ""
            raise UserError(f"{self.what} {self.name} failed: {one_line(error)}{advice}") from error


def resolve(
    what: str, given: str | Callable[..., Any], table: Mapping[str, T], kind: type[T] | None = None
) -> T | UserFunction:
    """Return what was asked for: the entry of `table` by that name, else the user's own callable.

    This is the one way in which users extend the program: a name, `path/to/file.py:function`, or from Python the
    callable itself.

    Args:
        what: What is looked for, such as `metric`, for messages.
        given: The name, the path or the object, as the user gave it.
        table: The entries that have names.
        kind: The class of the entries, where they have one in common; objects of it are returned as they are.

    Raises:
        UserError: The name is unknown, there is no such file or function, or the object can't be called.
    """
    if isinstance(given, str):
        if not is_user_function(given):
            if given not in table:
                raise UserError(f"unknown {what} {given!r}; {did_you_mean(given, table)}, or give {FORM}")
            return table[given]
        function = load_function(given)
    else:
        function = given
    if kind is not None and isinstance(function, kind):
        return function
    if not callable(function):
        raise UserError(f"expected a {what} as a name, {FORM} or a callable, got {given!r}")
    return UserFunction(what, name_of(given), function)


def takes(function: Callable[..., Any], count: int) -> bool:
    """Return whether a function can be called with `count` arguments by position; True where it does not tell."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def name_of(given: object) -> str:
    """Return how messages and files name what a user gave: text as it is, else its or its class's qualified name."""
    if isinstance(given, str):
        return given
    if isinstance(given, UserFunction):
        return given.name
    named = given if hasattr(given, "__qualname__") else type(given)
    return f"{named.__module__}.{named.__qualname__}"
