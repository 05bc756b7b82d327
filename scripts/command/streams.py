"""Standard output and error in a command: what can't be printed does not end it, since results are in files."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from amc.utils.errors import UserError


@contextlib.contextmanager
def lenient_streams() -> Iterator[None]:
    """Drop what standard output or error has no room or no reader for, and replace what their encoding lacks.

    Raises:
        UserError: At the end, where standard output could not be written, but for a reader that left, such as `| head`.
    """
    before = sys.stdout, sys.stderr
    raws = [_raw(stream) for stream in before]
    sys.stdout, sys.stderr = (_lenient(stream, raw) for stream, raw in zip(before, raws, strict=True))
    try:
        yield
    finally:
        for stream, raw in zip((sys.stdout, sys.stderr), raws, strict=True):
            if raw is not None:
                stream.flush()
                stream.detach()
        sys.stdout, sys.stderr = before
    error = raws[0].error if raws[0] is not None else None
    if error is not None and not isinstance(error, BrokenPipeError):
        raise UserError(f"standard output could not be written: {error.strerror}; print to another place")


class _LenientFile(io.FileIO):
    """An open file that is written as far as it can be.

    Attributes:
        error: What went wrong first.
    """

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write bytes, or drop them."""
        try:
            return super().write(data)
        except OSError as error:
            self.error = self.error or error
            return len(data)


def _raw(stream: TextIO | None) -> _LenientFile | None:
    """The file behind a stream; None for a stream that is none, as that of a notebook or a test."""
    try:
        return _LenientFile(stream.fileno(), "w", closefd=False) if isinstance(stream, io.TextIOWrapper) else None
    except OSError:
        return None


def _lenient(stream: Any, raw: _LenientFile | None) -> Any:
    if raw is None:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace" if stream.errors == "backslashreplace" else "replace",
        line_buffering=stream.line_buffering,
    )
