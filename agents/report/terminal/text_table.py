"""Tables that fit the terminal: whole columns give way before a name is folded, and none is ever cut."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE = 80
"""Columns of what is no terminal."""
LEAST = 40
"""Columns of the narrowest terminal."""
WIDEST_CHARACTER = 2
"""Columns that it takes."""
LEVEL = re.compile(r"[^./:]*[./:]+|[^./:]+")
"""The parts of a module's name or of a path, each with the dot or slash that it ends with."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        header: Its name.
        is_text: Whether its cells are names or sentences, which may go on in the next line; others are numbers.
        gives_way: 0 for a column that is always there; of the others the one with the largest number is left out first.
    """

    header: str
    is_text: bool = False
    gives_way: int = 0


@dataclass(frozen=True)
class Layout:
    """Which columns of a table are shown.

    Attributes:
        shown: Their places.
        widths: Of each, in characters.
        left_out: Headers of the others.
        needed: Characters of a line with all columns and no name folded.
    """

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    left_out: tuple[str, ...]
    needed: int


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table on standard output, no wider than the terminal, or than 80 characters where that is none.

    Where there is too little room for the names in full, columns are left out, and a line below says which; a name that
    is still too long goes on in the next line after a dot.
    """
    console = Console()
    is_known = console.is_terminal or "COLUMNS" in os.environ
    width = max(LEAST, console.width if is_known else PIPE)
    layout = fit(columns, rows, width)
    widths = list(layout.widths)
    widths[-1] += max(0, max(map(cell_len, wrapped(title, width))) - _total(widths))
    table = Table(title=_text(title, width) if title else None)
    for place, size in zip(layout.shown, widths, strict=True):
        table.add_column(_text(columns[place].header, size), width=size, no_wrap=True)
    for row in rows:
        table.add_row(*(_text(row[place], size) for place, size in zip(layout.shown, widths, strict=True)))
    console.print(table, width=width)
    if layout.left_out:
        note = f"no room for: {', '.join(layout.left_out)} (COLUMNS={layout.needed} shows all)"
        console.print(_text(note, width), width=width)


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Layout:
    """Choose columns and their widths, such that a line has at most `width` characters.

    Names stay whole if that is possible with the columns that never give way. Else they are folded after dots, in
    columns that have up to half of the line; else as short as dots allow; else anywhere.
    """
    cells = [[column.header, *(row[place] for row in rows)] for place, column in enumerate(columns)]
    natural = [max(map(_length, texts)) for texts in cells]
    whole = [_least(column, texts, r"\S+") for column, texts in zip(columns, cells, strict=True)]
    parts = [_least(column, texts, LEVEL) for column, texts in zip(columns, cells, strict=True)]
    roomy = [max(part, min(name, width // 2)) for part, name in zip(parts, whole, strict=True)]
    order = sorted(
        (place for place, column in enumerate(columns) if column.gives_way), key=lambda place: -columns[place].gives_way
    )
    for least in (whole, roomy, parts, [WIDEST_CHARACTER] * len(columns)):
        for count in range(len(order) + 1):
            shown = tuple(place for place in range(len(columns)) if place not in order[:count])
            if _total([least[place] for place in shown]) <= width:
                widths = _filled([least[place] for place in shown], [natural[place] for place in shown], width)
                left_out = tuple(columns[place].header for place in sorted(order[:count]))
                return Layout(shown, widths, left_out, _total(whole))
    raise ValueError(f"{width} characters are too few for {len(columns)} columns")


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters, broken between words; within one only where it is longer.

    Such a word is broken after dots, slashes and colons, and between any two characters only where there are none.
    """
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".lstrip()
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        folded = _folded(word, width)
        lines = [*lines, *folded] if lines[-1] else folded
    return lines


def _text(words: str, width: int) -> Text:
    return Text("\n".join(wrapped(words, width)))


def _folded(word: str, width: int) -> list[str]:
    """A word in lines of at most `width` characters."""
    lines = [""]
    for part in [word] if cell_len(word) <= width else LEVEL.findall(word):
        if cell_len(lines[-1] + part) <= width:
            lines[-1] += part
            continue
        lines = [line for line in lines if line] + chop_cells(part, width)
    return lines


def _length(text: str) -> int:
    return cell_len(" ".join(text.split()))


def _least(column: Column, texts: Sequence[str], pieces: str | re.Pattern[str]) -> int:
    """The longest piece that is not broken: of numbers that of the header, and each number."""
    header, *cells = texts
    broken = [piece for text in ([header, *cells] if column.is_text else [header]) for piece in _pieces(text, pieces)]
    return max([*map(cell_len, broken), *(() if column.is_text else map(_length, cells)), 1])


def _pieces(text: str, pieces: str | re.Pattern[str]) -> list[str]:
    return [piece for word in text.split() for piece in re.findall(pieces, word)]


def _total(widths: Sequence[int]) -> int:
    """Characters of a line: each column with a space at both sides, and bars around them."""
    return sum(widths) + 3 * len(widths) + 1


def _filled(least: Sequence[int], natural: Sequence[int], width: int) -> tuple[int, ...]:
    """Widths within a line of `width` characters that give the room that is left to the narrowest which want more."""
    widths = list(least)
    for _ in range(width - _total(least)):
        wanting = [place for place, wanted in enumerate(natural) if widths[place] < wanted]
        if not wanting:
            break
        widths[min(wanting, key=widths.__getitem__)] += 1
    return tuple(widths)
