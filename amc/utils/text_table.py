"""Tables that fit the terminal: whole columns give way before a name is folded, and none is ever cut."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from amc.utils.column_widths import Column, fit, line_length
from amc.utils.line_breaks import wrapped

PIPE = 80
"""Characters of a line where the output is no terminal."""
LEAST = 40
"""Characters of a line of the narrowest terminal."""


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table on standard output, no wider than the terminal, or than 80 characters where that is none.

    Where there is too little room for the names in full, columns are left out, and a line below says which; a name that
    is still too long goes on in the next line after a dot.
    """
    _print(Console(force_jupyter=False), columns, rows, title)


def table_text(columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = "") -> str:
    """Return what `print_table` would print, in plain characters and without a line break at the end."""
    console = Console(color_system=None, force_jupyter=False)
    with console.capture() as captured:
        _print(console, columns, rows, title)
    return captured.get().rstrip("\n")


def wrapped_text(words: str) -> str:
    """Return a sentence in lines that are as wide as tables may be, broken between words."""
    return "\n".join(wrapped(words, _width(Console(force_jupyter=False))))


def _print(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str) -> None:
    width = _width(console)
    layout = fit(columns, rows, width)
    widths = list(layout.widths)
    widths[-1] += max(0, max(map(cell_len, wrapped(title, width))) - line_length(widths))
    table = Table(title=_text(title, width) if title else None)
    for place, size in zip(layout.shown, widths, strict=True):
        table.add_column(_text(columns[place].header, size), width=size, no_wrap=True)
    for row in rows:
        table.add_row(*(_text(row[place], size) for place, size in zip(layout.shown, widths, strict=True)))
    console.print(table, width=width)
    if layout.left_out:
        note = f"no room for: {', '.join(layout.left_out)} (COLUMNS={layout.needed} shows all)"
        console.print(_text(note, width), width=width)


def _width(console: Console) -> int:
    """Return how many characters a line may have."""
    is_known = console.is_terminal or "COLUMNS" in os.environ
    return max(LEAST, console.width if is_known else PIPE)


def _text(words: str, width: int) -> Text:
    return Text("\n".join(wrapped(words, width)))
