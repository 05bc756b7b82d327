"""Looking a name up in a visible table."""

from collections.abc import Mapping
from typing import TypeVar

from amc.utils.errors import UserError
from amc.utils.text import did_you_mean

T = TypeVar("T")


def look_up(what: str, name: str, table: Mapping[str, T]) -> T:
    """The entry of `table` called `name`.

    Raises:
        UserError: there is none; `what` says what was looked for.
    """
    if name not in table:
        raise UserError(f"unknown {what} {name!r}; {did_you_mean(name, table)}")
    return table[name]
