import io
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import pytest

from amc.utils.column_widths import Column
from amc.utils.tabular import Table, Tabular
from amc.utils.text_table import print_table

COLUMNS = (Column("network", is_text=True), Column("top1"))
TABLE = Table("scores <b>", COLUMNS, [("a & b", "90 %"), ("c", "1.5 %")], ["A sentence of words. " * 8])


class Two(Tabular):
    @property
    def tables(self) -> Sequence[Table]:
        return TABLE, TABLE


def elements(html: str, tag: str) -> list[str]:
    """The texts of all elements of that name, by a parser that refuses what is not well-formed."""
    return ["".join(each.itertext()) for each in ET.fromstring(f"<div>{html}</div>").iter(tag)]


def test_a_notebook_shows_every_cell_and_no_markup_of_names() -> None:
    html = Two()._repr_html_()
    assert elements(html, "th") == ["network", "top1"] * 2
    assert elements(html, "td") == ["a & b", "90 %", "c", "1.5 %"] * 2
    assert elements(html, "caption") == ["scores <b>"] * 2
    assert elements(html, "p") == ["A sentence of words. " * 8] * 2


def test_a_terminal_shows_what_print_table_prints_then_the_notes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table(COLUMNS, TABLE.rows, TABLE.title)
    printed = capsys.readouterr().out
    assert str(TABLE).startswith(printed)
    notes = str(TABLE).removeprefix(printed).splitlines()
    assert max(map(len, notes)) <= 60
    assert " ".join(notes).split() == ("A sentence of words. " * 8).split()
    assert str(Two()) == f"{TABLE}\n{TABLE}"


def test_text_is_plain_though_a_terminal_has_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in str(TABLE)


def test_an_output_without_boxes_gets_plain_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert str(TABLE).isascii()
