import pytest

from amc.utils.line_breaks import wrapped


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("a reason of some words", 8, ["a reason", "of some", "words"]),
        ("first, second.part.end", 12, ["first,", "second.part.", "end"]),
        ("runs/long-name/own.py:build", 15, ["runs/long-name/", "own.py:build"]),
        ("abcdefgh.i", 4, ["abcd", "efgh", ".i"]),
    ],
)
def test_words_are_broken_where_they_may_be(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width) == lines
