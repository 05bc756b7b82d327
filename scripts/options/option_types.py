"""Types of options: each says what its values are called in the help, and how a value is read and written.

An option is a field of a dataclass; the docstring below the field is its help. Options of a plain type need nothing
from here: `int`, `float`, `str`, `bool`, `Path`, tuples of them, and each of them or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any


@dataclass(frozen=True)
class Form:
    """The form of an option's values on the command line.

    Attributes:
        word: The word that stands for a value in the help.
        read: Reads a value from a word; it raises a ValueError that says what was expected. None for that of the type.
        write: Writes a value as the word from which it is read again.
    """

    word: str
    read: Callable[[str], Any] | None = None
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Positional:
    """The mark of an option whose value may stand without its name, called by this word in the help."""

    word: str


@dataclass(frozen=True)
class Appended:
    """The mark of an option that takes several values, and may be given several times."""


def _read_size(word: str) -> int | tuple[int, int]:
    sides = word.lower().split("x")
    if len(sides) > 2 or not all(side.removeprefix("-").isdecimal() for side in sides):
        raise ValueError(f"expected pixels such as 64, or height x width such as 64x48, got {word!r}")
    height, width = int(sides[0]), int(sides[-1])
    return height if height == width else (height, width)


def _write_size(size: int | tuple[int, int]) -> str:
    return str(size) if isinstance(size, int) else "x".join(map(str, size))


Name = Annotated[str, Form("NAME")]
Share = Annotated[float, Form("SHARE")]
Seconds = Annotated[float, Form("SECONDS")]
File = Annotated[Path, Form("FILE")]
Folder = Annotated[Path, Form("FOLDER")]
Size = Annotated[int | tuple[int, int], Form("HxW", _read_size, _write_size)]
Repeated = Annotated[tuple[tuple[str, ...], ...], Appended()]
"""The type of an option that takes several values, and may be given several times."""
EarlierRuns = Annotated[Repeated, Form("RUN")]
"""The folders of earlier runs; the option may be given several times."""
Run = Annotated[Path, Form("RUN"), Positional("RUN")]
"""The folder of a run, which may stand without its option's name."""
Runs = Annotated[tuple[Path, ...], Form("RUN"), Positional("RUN ...")]
"""The folders of one run or more, which may stand without the option's name."""
