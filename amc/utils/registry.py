"""Finding an entry of a table by the name that a user gave."""

from collections.abc import Mapping
from typing import TypeVar

from amc.utils.errors import UserError
from amc.utils.text import did_you_mean

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
