"""The types of what users give as options in Python, where nothing else makes sure of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from numbers import Real
from types import NoneType
from typing import Any, SupportsInt, cast, get_args, get_type_hints

from amc.utils.errors import UserError
from amc.utils.option_names import option


def as_whole(name: str, value: object) -> int:
    """The whole number that an option is: an integer, of NumPy too, or a float without a fraction.

    Raises:
        UserError: It is anything else; the message calls the option `name`.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or value % 1 != 0:
        raise UserError(f"expected {option(name)} as a whole number, got {value!r}")
    return int(cast(SupportsInt, value))  # as all real numbers do


def as_number(name: str, value: object) -> float:
    """The number that an option is, of NumPy too; one of Python's own is left as it is.

    Raises:
        UserError: It is anything else; the message calls the option `name`.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise UserError(f"expected {option(name)} as a number, got {value!r}")
    return value if isinstance(value, int | float) else float(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise UserError(f"expected {option(name)} as text, got {value!r}")
    return value


CHECKS: dict[object, Callable[[str, object], Any]] = {int: as_whole, float: as_number, str: _text}
"""The checks of options, by the type that they are to have."""


def check_types(options: Any) -> None:
    """Check the fields of a dataclass that are annotated as a number or text, or None; numbers become those of Python.

    Raises:
        UserError: One of them is something else; the message names the first.
    """
    hints = get_type_hints(type(options))
    for each in fields(options):
        value, kinds = getattr(options, each.name), get_args(hints[each.name]) or (hints[each.name],)
        wanted = [kind for kind in kinds if kind is not NoneType]
        if len(wanted) == 1 and wanted[0] in CHECKS and not (value is None and NoneType in kinds):
            vars(options)[each.name] = CHECKS[wanted[0]](each.name, value)  # it may be frozen
