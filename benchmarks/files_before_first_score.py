"""How much of the project a reader meets between a command's start and the first score of a search.

Counts the project's files in which a function is entered between `main` of scripts.train and the first score of a
pruned network, and those that are on the stack at that moment: what lies on the straight way down.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from amc.scoring.candidates import Candidates
from scripts import train
from scripts.command.cli import run

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Arguments:
    """Count the files between a command's start and the first score."""


class _Scored(BaseException):
    """Ends the search at its first score."""


def files_before_first_score(_: Arguments) -> None:
    """Run the default search up to its first score, and print what was entered on the way."""
    entered: dict[str, None] = {}
    on_stack: dict[str, None] = {}

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and (name := _ours(frame)):
            entered[name] = None

    def stop(*_: Any, **__: Any) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not search.__code__:
            if name := _ours(frame):
                on_stack[name] = None
            frame = frame.f_back
        raise _Scored

    def search(folder: str) -> None:
        with mock.patch.object(Candidates, "score", stop):
            run(train.train, train.Arguments, ["--episodes", "1", "--quiet", "--run-dir", f"{folder}/run"])

    with tempfile.TemporaryDirectory() as folder:
        _profiled(search, folder, profile)
    print("\n".join(entered))
    print(f"{len(entered)} files are entered before the first score; {len(on_stack)} are on the stack then:")
    print("\n".join(reversed(on_stack)))


def _profiled(work: Callable[[str], None], folder: str, profile: Any) -> None:
    sys.setprofile(profile)
    try:
        work(folder)
    except _Scored:
        pass
    finally:
        sys.setprofile(None)


def _ours(frame: FrameType) -> str | None:
    """The file of a frame below the project's root, if it is one of the project's packages."""
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(ROOT):
        return None
    name = str(path.relative_to(ROOT))
    return name if name.partition("/")[0] in ("amc", "envs", "agents", "scripts") else None


def main() -> None:
    """Run as a command."""
    run(files_before_first_score, Arguments)


if __name__ == "__main__":
    main()
