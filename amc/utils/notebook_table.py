"""Tables as HTML, which a notebook shows in place of an object's `repr`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", note: str = "") -> str:
    """An HTML table whose first column is text and whose others are numbers; all texts are escaped.

    Args:
        head: The names of the columns; empty for a table without a head.
        rows: The texts of the cells; the first of each row names it.
        title: What the table is about, above it.
        note: A line below it.
    """
    parts = ["<table>"]
    if title:
        parts.append(f'<caption style="text-align: left; font-weight: bold">{escape(title)}</caption>')
    if head:
        parts.append(f"<thead><tr>{''.join(_cell('th', place, text) for place, text in enumerate(head))}</tr></thead>")
    cells = ("".join(_cell("td", place, text) for place, text in enumerate(row)) for row in rows)
    parts.append(f"<tbody>{''.join(f'<tr>{row}</tr>' for row in cells)}</tbody></table>")
    if note:
        parts.append(f"<p>{escape(note)}</p>")
    return "".join(parts)


def _cell(tag: str, place: int, text: str) -> str:
    return f'<{tag} style="text-align: {"right" if place else "left"}">{escape(text)}</{tag}>'
