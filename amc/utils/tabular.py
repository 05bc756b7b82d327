"""Results that show themselves as tables: as text where they are printed, as HTML in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from amc.utils.column_widths import Column
from amc.utils.text_table import table_text, wrapped_text

NUMBER, TEXT = "text-align: right", "text-align: left"


@dataclass(frozen=True)
class Table:
    """A table with the sentences below it.

    Attributes:
        title: What stands above it.
        columns: The columns.
        rows: The cells of each row, one for each column.
        notes: Sentences that explain it, each a paragraph.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        """Return the table for a terminal, as `amc.utils.text_table.print_table` prints it."""
        return "\n".join([table_text(self.columns, self.rows, self.title), *map(wrapped_text, self.notes)])

    def _repr_html_(self) -> str:
        """Return the table for a notebook, with all columns."""
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        head = self._html_row("th", [column.header for column in self.columns])
        body = "".join(self._html_row("td", row) for row in self.rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>{notes}"

    def _html_row(self, tag: str, cells: Sequence[str]) -> str:
        styles = [TEXT if column.is_text else NUMBER for column in self.columns]
        inner = (f'<{tag} style="{style}">{escape(cell)}</{tag}>' for style, cell in zip(styles, cells, strict=True))
        return f"<tr>{''.join(inner)}</tr>"


class Tabular:
    """The base of results that are shown as tables; a subclass gives them in `tables`."""

    @property
    def tables(self) -> Sequence[Table]:
        """The tables, from the first to the last that is shown."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Return the tables for a terminal."""
        return "\n".join(map(str, self.tables))

    def _repr_html_(self) -> str:
        """Return the tables for a notebook."""
        return "".join(table._repr_html_() for table in self.tables)
