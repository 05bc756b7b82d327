"""How messages name an option: as an argument of Python, or as a flag where a command runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_as_flags = False


@contextmanager
def options_as_flags() -> Iterator[None]:
    """Let messages name options as a command line has them, for as long as the context is open."""
    global _as_flags
    before, _as_flags = _as_flags, True
    try:
        yield
    finally:
        _as_flags = before


def option(name: str, value: object = None) -> str:
    """The words for an option, with a value unless that is None.

    The option `image_size` with the value 64 is `image_size=64` for a user of Python, `--image-size 64` in a command.
    """
    flag = f"--{name.replace('_', '-')}"
    if value is None:
        return flag if _as_flags else name
    return f"{flag} {value}" if _as_flags else f"{name}={value!r}"
