"""Tables as HTML, which a notebook shows in place of an object's `repr`."""

from __future__ import annotations

from collections.abc import Container, Sequence
from html import escape


def html_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str = "",
    note: str = "",
    text_columns: Container[int] = (0,),
) -> str:
    """An HTML table of texts, which are to the left, and numbers; all texts are escaped.

    Args:
        head: The names of the columns; empty for a table without a head.
        rows: The texts of the cells; the first of each row names it.
        title: What the table is about, above it.
        note: A line below it.
        text_columns: The places of the columns that are text; the first alone if not given.
    """
    parts = ["<table>"]
    if title:
        parts.append(f'<caption style="text-align: left; font-weight: bold">{escape(title)}</caption>')
    if head:
        parts.append(f"<thead>{_row('th', head, text_columns)}</thead>")
    parts.append(f"<tbody>{''.join(_row('td', row, text_columns) for row in rows)}</tbody></table>")
    if note:
        parts.append(f"<p>{escape(note)}</p>")
    return "".join(parts)


def _row(tag: str, texts: Sequence[str], text_columns: Container[int]) -> str:
    sides = ("left" if place in text_columns else "right" for place in range(len(texts)))
    cells = (
        f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>' for side, text in zip(sides, texts, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"
