"""The fields of a dataclass of options, seen as options of the command line."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from scripts.options.option_types import Appended, Form, Positional

WORDS = {int: "N", float: "NUMBER", Path: "PATH", str: "TEXT"}
"""The word that stands for a value of a type in the help."""
MISSING = dataclasses.MISSING


@dataclass(frozen=True)
class Option:
    """One option of a command.

    Attributes:
        name: The name of its field; on the command line it has hyphens in place of underscores, and none at its end,
            where a field has an underscore if its name would be a keyword of Python.
        owner: The dataclass that the field is in.
        default: The value where it is not given; `MISSING` where it must be.
        kind: The type of one value; where there are several, its form reads it.
        form: The form of one value; None for a switch.
        many: Whether it takes several values.
        appended: Whether it may be given several times.
        positional: The word for a value that stands without the option's name; None where none may.
    """

    name: str
    owner: type
    default: Any
    kind: Any
    form: Form | None
    many: bool
    appended: bool
    positional: str | None

    @property
    def flag(self) -> str:
        """The name of the option on the command line."""
        return f"--{self.name.rstrip('_').replace('_', '-')}"


def options_of_class(arguments: type, usual: Any = None) -> Iterator[Option]:
    """Yield the options of a dataclass and of those nested in it; their defaults are those of `usual` where given."""
    hints = get_type_hints(arguments, include_extras=True)
    for field in option_fields(arguments):
        default = getattr(usual, field.name) if usual is not None else default_of(field)
        kind = hints[field.name]
        if dataclasses.is_dataclass(kind):
            assert isinstance(kind, type)
            yield from options_of_class(kind, default)
        else:
            yield _option(field.name, _owner(arguments, field.name), default, kind)


def _owner(arguments: type, name: str) -> type:
    """The dataclass that a field is written in: this one or a base of it."""
    return next(each for each in arguments.__mro__ if name in vars(each).get("__annotations__", ()))


def option_fields(arguments: Any) -> Iterator[dataclasses.Field[Any]]:
    """Yield the fields of a dataclass of options that are options; `given` is none."""
    return (field for field in dataclasses.fields(arguments) if field.init)


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of a field; `MISSING` where it has none."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def _option(name: str, owner: type, default: Any, hint: Any) -> Option:
    kind, marks = _unwrapped(hint)
    many = get_origin(kind) is tuple
    appended = any(isinstance(mark, Appended) for mark in marks)
    while get_origin(kind) is tuple:
        kind, inner = _unwrapped(get_args(kind)[0])
        marks = (*marks, *inner)
    form = next((mark for mark in marks if isinstance(mark, Form)), None)
    positional = next((mark.word for mark in marks if isinstance(mark, Positional)), None)
    if kind is not bool:
        form = form or Form(WORDS[kind])
    return Option(name, owner, default, kind, form, many, appended, positional)


def _unwrapped(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without `Annotated` and without `| None`, and the marks that were on it."""
    marks: tuple[Any, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            marks = (*marks, *more)
            continue
        members = [each for each in get_args(hint) if each is not types.NoneType]
        if get_origin(hint) not in (Union, types.UnionType) or len(members) > 1:
            return hint, marks
        (hint,) = members


def documented(owner: type) -> dict[str, str]:
    """The docstring below each field of a dataclass, as one line, read from its source."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
            assert isinstance(statement.target, ast.Name)
            found[statement.target.id] = " ".join(ast.literal_eval(following.value).split())
    return found


def reader(option: Option) -> Callable[[str], Any]:
    """The function that reads one value of an option from a word, and raises a ValueError where it can't."""
    assert option.form is not None, "a switch has no value"
    return option.form.read or READERS[option.kind]


def _read_int(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"expected a whole number, got {word!r}") from None


def _read_float(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"expected a number, got {word!r}") from None


READERS: dict[Any, Callable[[str], Any]] = {int: _read_int, float: _read_float, str: str, Path: Path}
"""The functions that read values of plain types."""
