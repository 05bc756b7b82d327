import contextlib
import io
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amc.utils.column_widths import Column
from amc.utils.text_table import print_table

COLUMNS = (
    Column("group", is_text=True),
    Column("channels"),
    Column("may keep", gives_way=1),
    Column("read by", is_text=True, gives_way=2),
)
PART = st.text("abcdefghij_0123", min_size=1, max_size=20)
NAME = st.lists(PART, min_size=1, max_size=6).map(".".join)


def printed(rows: list[tuple[str, ...]], title: str = "", width: int | None = None) -> str:
    """What is printed into a pipe, or on a terminal that says it has `width` columns."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.delenv("COLUMNS", raising=False)
        if width is not None:
            patch.setenv("COLUMNS", str(width))
        print_table(COLUMNS, rows, title)
    return out.getvalue()


def column(text: str, place: int) -> list[str]:
    """The lines of a column below its header."""
    return [line.split("│")[1 + place].strip() for line in text.splitlines() if line.startswith("│")]


def header(text: str) -> str:
    return " ".join(line for line in text.splitlines() if line.startswith("┃"))


def row(name: str, readers: str = "next") -> tuple[str, ...]:
    return name, "1024", "208 to 1024 by 8", readers


@settings(max_examples=40)
@given(st.lists(st.tuples(NAME, st.lists(NAME, min_size=1, max_size=3)), min_size=1, max_size=4), st.integers(40, 200))
@example([(".".join(["stages"] * 14), ["next"])], 80)
def test_lines_fit_and_names_are_whole_or_folded_after_dots(
    given_rows: list[tuple[str, list[str]]], width: int
) -> None:
    text = printed([row(name, ", ".join(readers)) for name, readers in given_rows], "channel groups", width)
    assert max(map(len, text.splitlines())) <= width
    pieces = list(filter(None, column(text, 0)))
    for name, _ in given_rows:
        found = pieces.pop(0)
        while found != name:
            assert found.endswith(".")
            found += pieces.pop(0)
    assert not pieces
    assert list(filter(None, column(text, 1))) == ["1024"] * len(given_rows)
    if "read by" in header(text):
        readers = [reader for _, names in given_rows for reader in names]
        assert re.sub("[ ,]", "", "".join(column(text, 3))) == "".join(readers)


def test_all_is_shown_where_there_is_room() -> None:
    text = printed([row("stem"), row("stages.0.conv1")])
    assert "read by" in header(text)
    assert "no room" not in text
    assert column(text, 0) == ["stem", "stages.0.conv1"]


def test_the_least_important_column_gives_way_before_a_name_is_folded() -> None:
    name = "stages.3.blocks.2.token_mixer.conv.pointwise"
    text = printed([row(name, name)])
    assert "read by" not in header(text)
    assert "may keep" in header(text)
    assert column(text, 0) == [name]
    longer = f"{name}.weights"
    assert column(printed([row(longer)]), 0) == [longer]
    wide = text.rpartition("no room for: read by (COLUMNS=")[2].partition(" ")[0]
    assert "read by" in header(printed([row(name, name)], width=int(wide)))
    assert "read by" not in header(printed([row(name, name)], width=int(wide) - 1))


def test_a_name_that_is_too_long_by_itself_goes_on_after_a_dot() -> None:
    name = ".".join(["features", *("block" for _ in range(20))])
    text = printed([row(name), row("end")])
    assert max(map(len, text.splitlines())) <= 80
    first, *others = column(text, 0)
    assert first.startswith("features.block.")
    assert first.endswith(".")
    assert "".join([first, *others]) == name + "end"
    assert "may keep" in header(text)


def test_a_pipe_has_80_columns_whatever_the_terminal_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.get_terminal_size", lambda *_: (200, 50))
    assert "read by" not in header(printed([row("stages." * 6 + "conv", "reader." * 6 + "conv")]))


def test_brackets_are_no_markup() -> None:
    assert column(printed([row("blocks[0].conv[red]")]), 0) == ["blocks[0].conv[red]"]


def test_a_title_is_not_cut_either() -> None:
    title = "latency on ssh:somebody@a.machine.with.a.long.name.example.org:2222, onnxruntime 1.22"
    text = printed([("a", "1", "2", "b")], title)
    assert max(map(len, text.splitlines())) <= 80
    assert title in " ".join(text.split())
