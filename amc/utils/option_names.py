"""How messages name an option: as an argument of Python, or as a flag where a command runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from amc.utils.errors import UserError
from amc.utils.text import did_you_mean

_as_flags = False


@contextmanager
def options_as_flags(*, flags: bool = True) -> Iterator[None]:
    """Let messages name options as a command line has them, or as Python does, for as long as the context is open."""
    global _as_flags
    before, _as_flags = _as_flags, flags
    try:
        yield
    finally:
        _as_flags = before


def check_options(given: Iterable[str], known: Iterable[str]) -> None:
    """Check that options that are given by name in Python are among those that are known.

    Raises:
        UserError: There is no such option; the message suggests similar ones.
    """
    names = sorted(known)
    for name in given:
        if name not in names:
            raise UserError(f"unknown option {name!r}; {did_you_mean(name, names)}")


def worded(*, command: str, python: str) -> str:
    """The words that are for a command's user, or those that are for a user of Python."""
    return command if _as_flags else python


def option(name: str, value: object = None) -> str:
    """The words for an option, with a value unless that is None.

    The option `image_size` with the value 64 is `image_size=64` for a user of Python, `--image-size 64` in a command.
    """
    flag = f"--{name.replace('_', '-')}"
    if value is None:
        return flag if _as_flags else name
    return f"{flag} {value}" if _as_flags else f"{name}={value!r}"
