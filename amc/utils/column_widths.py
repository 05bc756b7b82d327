"""Which columns of a table are shown on a terminal, and how wide each of them is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from amc.utils.line_breaks import LEVEL

WIDEST_CHARACTER = 2
"""How many columns of the terminal the widest character takes."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        header: The name that stands above it.
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
        shown: The places of the columns that are shown, in order.
        widths: The width of each of them in characters.
        left_out: The headers of the columns that are not.
        needed: How many characters a line has with all columns and no name folded.
    """

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    left_out: tuple[str, ...]
    needed: int


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
            if line_length([least[place] for place in shown]) <= width:
                widths = _filled([least[place] for place in shown], [natural[place] for place in shown], width)
                left_out = tuple(columns[place].header for place in sorted(order[:count]))
                return Layout(shown, widths, left_out, line_length(whole))
    raise ValueError(f"{width} characters are too few for {len(columns)} columns")


def line_length(widths: Sequence[int]) -> int:
    """How many characters a line with columns of these widths has: a space at both sides of each, and bars around."""
    return sum(widths) + 3 * len(widths) + 1


def _length(text: str) -> int:
    return cell_len(" ".join(text.split()))


def _least(column: Column, texts: Sequence[str], pieces: str | re.Pattern[str]) -> int:
    """The longest piece that is not broken: of numbers that of the header, and each number."""
    header, *cells = texts
    broken = [piece for text in ([header, *cells] if column.is_text else [header]) for piece in _pieces(text, pieces)]
    return max([*map(cell_len, broken), *(() if column.is_text else map(_length, cells)), 1])


def _pieces(text: str, pieces: str | re.Pattern[str]) -> list[str]:
    return [piece for word in text.split() for piece in re.findall(pieces, word)]


def _filled(least: Sequence[int], natural: Sequence[int], width: int) -> tuple[int, ...]:
    """Widths within a line of `width` characters that give the room that is left to the narrowest which want more."""
    widths = list(least)
    for _ in range(width - line_length(least)):
        wanting = [place for place, wanted in enumerate(natural) if widths[place] < wanted]
        if not wanting:
            break
        widths[min(wanting, key=widths.__getitem__)] += 1
    return tuple(widths)
