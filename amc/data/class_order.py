"""The order in which the folders of classes are numbered."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import look_up
from amc.utils.text import shortened

NUMBERED = re.compile(r"(\D*)(\d+(?:\.\d+)?).*", re.DOTALL)
SHOWN = 5  # classes in a message
"""Number of classes shown in a message."""


def in_order(names: Sequence[str], order: str) -> tuple[tuple[str, ...], str | None]:
    """Return the names of folders in the order of their classes.

    Args:
        names: All names.
        order: `name` for alphabetical order, as in torchvision's `ImageFolder`; `number` for the order of the numbers
            in the names.

    Returns:
        The names, and a warning where alphabetical order is not that of the numbers.

    Raises:
        UserError: The order is unknown, or names have no numbers.
    """
    ordered = look_up("class order", order, CLASS_ORDERS)(names)
    if order == "number" or not _numbered(names) or ordered == _by_number(names):
        return ordered, None
    return ordered, (
        "warning: the folders of classes have numbers, and are counted in the order of text:"
        f" {shortened(ordered, SHOWN)}; where the network counts them by number, give {option('class_order', 'number')}"
    )


def _by_name(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _by_number(names: Sequence[str]) -> tuple[str, ...]:
    without = [name for name in sorted(names) if _parts(name) is None]
    if without:
        raise UserError(
            f"{option('class_order', 'number')} needs a number in the name of every class; there is none in"
            f" {shortened(without)}"
        )
    if not _numbered(names):
        raise UserError(
            f"{option('class_order', 'number')} needs names that differ by a number behind the same text, got"
            f" {shortened(sorted(names))}; leave it out, or rename the folders"
        )
    return tuple(sorted(names, key=_key))


CLASS_ORDERS: dict[str, Callable[[Sequence[str]], tuple[str, ...]]] = {"name": _by_name, "number": _by_number}
"""Orders of classes by name."""


def _parts(name: str) -> tuple[str, Decimal] | None:
    """Return the text before the first number of a name, and the number; a hyphen at the very beginning is a sign."""
    match = NUMBERED.fullmatch(name)
    if match is None:
        return None
    if match[1] == "-":
        return "", -Decimal(match[2])
    return match[1], Decimal(match[2])


def _numbered(names: Sequence[str]) -> bool:
    """Return whether every name has a number, after text that all of them share."""
    parts = [_parts(name) for name in names]
    return None not in parts and len({part[0] for part in parts if part is not None}) == 1


def _key(name: str) -> tuple[Decimal, str]:
    parts = _parts(name)
    assert parts is not None, "checked"
    return parts[1], name
