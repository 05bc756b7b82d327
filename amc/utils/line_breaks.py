"""Texts in lines of a given width: broken between words, and within a name after its dots and slashes."""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells

LEVEL = re.compile(r"[^./:]*[./:]+|[^./:]+")
"""The parts of a module's name or of a path, each with the dot or slash that it ends with."""


def wrapped(text: str, width: int) -> list[str]:
    """Give the text in lines of at most `width` characters, broken between words; within one only where it is longer.

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


def _folded(word: str, width: int) -> list[str]:
    """Give a word in lines of at most `width` characters."""
    lines = [""]
    for part in [word] if cell_len(word) <= width else LEVEL.findall(word):
        if cell_len(lines[-1] + part) <= width:
            lines[-1] += part
            continue
        lines = [line for line in lines if line] + chop_cells(part, width)
    return lines
