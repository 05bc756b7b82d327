"""In which order the folders of classes are numbered."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from amc.utils.errors import UserError
from amc.utils.registry import look_up
from amc.utils.text import shortened

NUMBERED = re.compile(r"(\D*)(\d+(?:\.\d+)?).*", re.DOTALL)
SHOWN = 5  # classes in a message


def in_order(names: Sequence[str], order: str) -> tuple[tuple[str, ...], str | None]:
    """The names of folders in the order of their classes.

    Args:
        names: all of them.
        order: `name` for the order of text, as torchvision's `ImageFolder` has it, `number` for that of the numbers
            in the names.

    Returns:
        The names, and a warning where the order of text is not that of the numbers.

    Raises:
        UserError: an unknown order, or names without numbers.
    """
    ordered = look_up("class order", order, CLASS_ORDERS)(names)
    if order == "number" or not _numbered(names) or ordered == _by_number(names):
        return ordered, None
    return ordered, (
        "warning: the folders of classes have numbers, and are counted in the order of text:"
        f" {shortened(ordered, SHOWN)}; where the network counts them by number, give --class-order number"
    )


def _by_name(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _by_number(names: Sequence[str]) -> tuple[str, ...]:
    without = [name for name in sorted(names) if _parts(name) is None]
    if without:
        raise UserError(
            f"--class-order number needs a number in the name of every class; there is none in {shortened(without)}"
        )
    if not _numbered(names):
        raise UserError(
            "--class-order number needs names that differ by a number behind the same text, got"
            f" {shortened(sorted(names))}; leave it out, or rename the folders"
        )
    return tuple(sorted(names, key=_key))


CLASS_ORDERS: dict[str, Callable[[Sequence[str]], tuple[str, ...]]] = {"name": _by_name, "number": _by_number}


def _parts(name: str) -> tuple[str, Decimal] | None:
    """The text before the first number of a name, and the number; a hyphen is a sign where it is the first letter."""
    match = NUMBERED.fullmatch(name)
    if match is None:
        return None
    if match[1] == "-":
        return "", -Decimal(match[2])
    return match[1], Decimal(match[2])


def _numbered(names: Sequence[str]) -> bool:
    """Whether every name has a number, behind text that all of them share."""
    parts = [_parts(name) for name in names]
    return None not in parts and len({part[0] for part in parts if part is not None}) == 1


def _key(name: str) -> tuple[Decimal, str]:
    parts = _parts(name)
    assert parts is not None, "checked"
    return parts[1], name
