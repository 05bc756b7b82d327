"""Results that show themselves as tables: as text where they are printed, as HTML in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amc.utils.column_widths import Column
from amc.utils.notebook_table import html_table
from amc.utils.text_table import table_text, wrapped_text


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
        head = [column.header for column in self.columns]
        text_columns = [place for place, column in enumerate(self.columns) if column.is_text]
        return html_table(head, self.rows, self.title, " ".join(self.notes), text_columns)


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
