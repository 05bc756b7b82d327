"""Small mistakes that could be made in a Python file, found in its syntax tree and written into its text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

OTHER_OPERATOR = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*"}
OTHER_COMPARISON = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}


class Edit(NamedTuple):
    """A change of a file: the node of its syntax tree, and the text that replaces it."""

    node: ast.expr | ast.stmt
    text: str


@dataclass(frozen=True)
class Mutant:
    """One mistake in a file.

    Attributes:
        path: The file.
        kind: The kind of mistake, a name in `KINDS`.
        line: The line, counted from 1.
        start: The position of the first character that changes in the file.
        before: The text that changes.
        after: The text that it becomes.
    """

    path: str
    kind: str
    line: int
    start: int
    before: str
    after: str

    def applied(self, source: str) -> str:
        """The file's text with the mistake; where lines were added or removed above it, the nearest same text is meant.

        Raises:
            ValueError: The text that it changes is not in the file.
        """
        places = [at for at in range(len(source)) if source.startswith(self.before, at)]
        if not places:
            raise ValueError(f"{self.path}: expected {self.before!r} near line {self.line}; it is gone: draw again")
        at = min(places, key=lambda place: abs(place - self.start))
        return source[:at] + self.after + source[at + len(self.before) :]


def mutants(path: str, source: str) -> list[Mutant]:
    """Every mistake of every kind that can be made in a file with the text `source`."""
    lines = [0]
    for each in source.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(each))

    def place(line: int, column: int) -> int:
        return len(source.encode()[: lines[line - 1] + column].decode())

    found = []
    for node in _code(ast.parse(source)):
        for kind, edit_of in KINDS.items():
            for edit in edit_of(node, source):
                assert edit.node.end_lineno is not None
                assert edit.node.end_col_offset is not None
                start = place(edit.node.lineno, edit.node.col_offset)
                end = place(edit.node.end_lineno, edit.node.end_col_offset)
                found.append(Mutant(path, kind, edit.node.lineno, start, source[start:end], edit.text))
    return found


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree that run: all without its annotations."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _code(child)


def _text(node: ast.expr, source: str) -> str:
    return ast.get_source_segment(source, node) or ""


def _signs(node: ast.AST, source: str) -> Iterator[Edit]:
    if isinstance(node, ast.BinOp) and (other := OTHER_OPERATOR.get(type(node.op))):
        yield Edit(node, f"({_text(node.left, source)}) {other} ({_text(node.right, source)})")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Edit(node, f"({_text(node.operand, source)})")


def _comparisons(node: ast.AST, source: str) -> Iterator[Edit]:
    if isinstance(node, ast.Compare):
        other = OTHER_COMPARISON[type(node.ops[0])]
        first = node.comparators[0]
        rest = _rest(node, first, source)
        yield Edit(node, f"({_text(node.left, source)}) {other} ({_text(first, source)}){rest}")


def _rest(node: ast.expr, part: ast.expr, source: str) -> str:
    """The text of a chain of comparisons behind its first one; empty where there is one alone."""
    whole, piece = _text(node, source), _text(part, source)
    return whole[whole.index(piece) + len(piece) :] if isinstance(node, ast.Compare) and len(node.ops) > 1 else ""


def _off_by_one(node: ast.AST, _: str) -> Iterator[Edit]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield Edit(node, str(node.value + 1))


def _constants(node: ast.AST, _: str) -> Iterator[Edit]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield Edit(node, str(not node.value))
    elif isinstance(node, ast.Constant) and isinstance(node.value, float):
        yield Edit(node, repr(node.value * 2 or 1.0))


def _skipped(node: ast.AST, _: str) -> Iterator[Edit]:
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    stored = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
    if isinstance(node, ast.stmt) and (called or stored or isinstance(node, ast.AugAssign | ast.Continue | ast.Break)):
        yield Edit(node, "pass")


def _swapped(node: ast.AST, source: str) -> Iterator[Edit]:
    if isinstance(node, ast.Call) and len(node.args) > 1:
        first, second = (_text(each, source) for each in node.args[:2])
        starred = any(isinstance(each, ast.Starred) for each in node.args[:2])
        if first != second and not starred:
            others = [_text(each, source) for each in node.args[2:]]
            named = [
                f"{each.arg}={_text(each.value, source)}" if each.arg else f"**{_text(each.value, source)}"
                for each in node.keywords
            ]
            yield Edit(node, f"{_text(node.func, source)}({', '.join([second, first, *others, *named])})")


def _negated(node: ast.AST, source: str) -> Iterator[Edit]:
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield Edit(node.test, f"(not ({_text(node.test, source)}))")


KINDS: dict[str, Callable[[ast.AST, str], Iterator[Edit]]] = {
    "sign": _signs,
    "comparison": _comparisons,
    "off by one": _off_by_one,
    "constant": _constants,
    "skipped statement": _skipped,
    "swapped arguments": _swapped,
    "negated condition": _negated,
}
"""Kinds of mistakes by name: functions from a node and the file's text to the changes of that kind."""
