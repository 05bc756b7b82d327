"""Atomic writing of files: a reader finds the old file or the new one, never a part."""

import contextlib
import dataclasses
import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from amc.utils.errors import UserError
from amc.utils.text import check_encodable


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that no reader ever finds a part of it, even after a power cut.

    `write` fills a temporary file in the folder of `path` (created if missing) with the same suffix; the file is synced
    to the disk and renamed to `path`. Whatever goes wrong, the temporary file is removed and a former file at `path`
    stays as it was.

    Raises:
        UserError: The disk is full, or the folder can't be written to (an `OSError` raised by `write`).
    """
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        _sync(temporary)
        os.replace(temporary, path)
        if os.name == "posix":  # other systems can't open a folder to sync its entries
            _sync(path.parent)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        _remove(temporary)


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, unless it is there.

    Raises:
        UserError: It can't be made, or its path is no text.
    """
    check_encodable(str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(folder, error) from error


def _unwritten(path: Path, error: OSError) -> UserError:
    reason = error.strerror or str(error)
    return UserError(f"cannot write {path}: {reason}; free space on the disk or choose a folder that you may write to")


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes to a file atomically; the errors are those of `write_atomically`."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    write_atomically(path, write)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8 to a file atomically, line ends unchanged; the errors are those of `write_atomically`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write an indented JSON object to a file atomically; dataclasses in it become objects.

    Raises:
        UserError: The file can't be written, as for `write_atomically`.
        ValueError: A number is not finite, which JSON can't hold.
        TypeError: A value has no JSON form.
    """
    write_text(path, json_text(content))


def json_text(content: Mapping[str, object]) -> str:
    """Return the text that `write_json` writes; the errors are its own, but that nothing is written."""
    return json.dumps(content, indent=2, allow_nan=False, default=dataclasses.asdict) + "\n"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # its folder is missing or closed to us: it was never made
        temporary.unlink(missing_ok=True)
