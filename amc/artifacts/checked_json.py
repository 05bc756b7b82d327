"""JSON from files, checked against types by `msgspec`: what has another form is a `UserError` that names the entry."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from amc.utils.errors import UserError

Count = Annotated[int, msgspec.Meta(ge=0)]
"""A whole number of 0 or more."""
Size = Annotated[int, msgspec.Meta(ge=1)]
"""A whole number above 0."""

T = TypeVar("T")


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        UserError: There is no such file, or it holds no JSON object.
    """
    try:
        return parse_object(path.read_bytes(), path)
    except FileNotFoundError as error:
        check_exists(path.parent)
        raise UserError(f"no {path.name} in {path.parent}; give the folder of a finished run") from error
    except NotADirectoryError as error:
        raise UserError(f"expected the folder of a run, {path.parent} is a file") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from error


def check_exists(folder: Path) -> None:
    """Raise a UserError where there is nothing of the name of a run's folder."""
    if not folder.exists():
        raise UserError(f"expected the folder of a run at {folder}, there is none; check the path")


def parse_object(content: bytes, source: object) -> dict[str, Any]:
    """Return the JSON object that `content` is; errors call it `source`.

    Raises:
        UserError: It is no JSON object.
    """
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise UserError(f"{source} is damaged: {error}") from error


def check_schema(content: Mapping[str, Any], schema: int, source: object) -> None:
    """Check that the JSON object `content` from `source` is of the version `schema` of its format.

    Raises:
        UserError: It is of another version.
    """
    if (found := content.get("schema")) != schema:
        raise UserError(f"{source}: expected schema {schema}, got {reprlib.repr(found)}; it is of another release")


def checked(content: Mapping[str, Any], form: type[T], source: object) -> T:
    """Return the JSON object `content` from `source` as a `form`, which is a dataclass.

    Entries that `form` lacks are passed over, so that files of later versions can be read.

    Raises:
        UserError: An entry is missing, or has another type than its field.
    """
    try:
        return msgspec.convert(content, form, str_keys=True)
    except msgspec.ValidationError as error:
        raise UserError(f"{source} is damaged: {error}") from error
