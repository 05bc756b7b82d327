"""The line of a network's own code at which an operator ran or an error was raised."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

import torch

TORCH = f"{Path(torch.__file__).parent}{os.sep}"
"""Folder of PyTorch's own code."""
OURS = (Path(__file__).parent, Path(__file__).parent.parent)
"""Folders of the code that runs networks; the networks of this package are in a folder of their own."""


BETWEEN = str(Path(__file__).parent / "size_origins.py")
"""What stands between a network's code and PyTorch while it is traced."""


def user_line(lines: Iterable[tuple[str, int]]) -> str:
    """Return the innermost of `lines` that is not PyTorch's, as ` (file.py:12)`; an empty text where it is ours."""
    for file, number in lines:
        if not file.startswith(TORCH) and file != BETWEEN:
            return "" if Path(file).parent in OURS else f" ({Path(file).name}:{number})"
    return ""


def frame_lines(frame: FrameType | None) -> Iterator[tuple[str, int]]:
    """Yield file and number of the lines that are being run, innermost first."""
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back


def error_lines(error: BaseException) -> Iterator[tuple[str, int]]:
    """Yield file and number of the lines that ran when an error was raised, innermost first."""
    found = []
    traceback = error.__traceback__
    while traceback is not None:
        found.append((traceback.tb_frame.f_code.co_filename, traceback.tb_lineno))
        traceback = traceback.tb_next
    yield from reversed(found)
