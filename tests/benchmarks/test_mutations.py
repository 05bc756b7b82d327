import ast
import dataclasses
from pathlib import Path

import pytest

from benchmarks.mutations import KINDS, mutants

SOURCE = '''"""Text with ≤ and a 1 stays."""

def f(x: int = 3) -> "list[int]":
    x -= g(x, 0.5)
    y[2] = "é" if x + 1 < 4 <= len(y) else -x
    g(y)
    return True
'''
EXPECTED = {
    "sign": {"x + 1": "(x) - (1)", "-x": "(x)"},
    "comparison": {"x + 1 < 4 <= len(y)": "(x + 1) <= (4) <= len(y)"},
    "off by one": {"3": "4", "2": "3", "1": "2", "4": "5"},
    "constant": {"0.5": "1.0", "True": "False"},
    "skipped statement": {
        "x -= g(x, 0.5)": "pass",
        'y[2] = "é" if x + 1 < 4 <= len(y) else -x': "pass",
        "g(y)": "pass",
    },
    "swapped arguments": {"g(x, 0.5)": "g(0.5, x)"},
    "negated condition": {"x + 1 < 4 <= len(y)": "(not (x + 1 < 4 <= len(y)))"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mistake(kind: str) -> None:
    found = [each for each in mutants("f.py", SOURCE) if each.kind == kind]
    assert {each.before: each.after for each in found} == EXPECTED[kind]
    for each in found:
        assert SOURCE.splitlines()[each.line - 1].count(each.before)
        assert each.applied(SOURCE) == SOURCE[: each.start] + each.after + SOURCE[each.start + len(each.before) :]
        ast.parse(each.applied(SOURCE))


def test_a_mistake_is_made_where_its_text_has_moved_to() -> None:
    one = next(each for each in mutants("f.py", SOURCE) if each.before == "g(y)")
    assert one.applied("\n\n" + SOURCE) == "\n\n" + one.applied(SOURCE)
    with pytest.raises(ValueError, match=r"f.py: expected 'h\(y\)' near line 6; it is gone"):
        dataclasses.replace(one, before="h(y)").applied(SOURCE)


def test_every_mistake_in_a_file_of_ours_can_be_made() -> None:
    path = Path(__file__).parents[2] / "amc" / "cost" / "budget.py"
    source = path.read_text(encoding="utf-8")
    for each in mutants(str(path), source):
        ast.parse(each.applied(source))
