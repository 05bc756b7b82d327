"""The folder of a run: its files, and whether a run can begin or go on in it."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from amc.artifacts.checked_json import read_object
from amc.artifacts.snapshots import CHECKPOINT_FOLDER, has_snapshot, latest_description
from amc.utils.errors import UserError
from amc.utils.files import write_bytes
from amc.utils.text import one_line

PYTHON = "python"
"""The name of the program in the files of a run that was begun from Python, which no command goes on with."""
SUMMARY_FILE = "summary.json"
AGENT_FILE = "agent.zip"
REPORT_FILE = "report.html"
COMPARISON_FILE = "comparison.html"
"""The page that compares runs, which lies in none of their folders."""
LOCK_FILE = "lock"
"""The lock beside the checkpoints; one that was left behind makes no run."""


def stem_of(model: str) -> str:
    """Return the part of a folder's name that tells a network."""
    return re.sub(r"\W+", "-", model.rpartition(":")[2])


def named_after(model: str) -> Path:
    """Return a folder under `runs/` that does not exist yet, named after a network and the time."""
    folder = Path("runs") / f"{stem_of(model)}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    others = (folder.with_name(f"{folder.name}-{number}") for number in itertools.count(2))
    return next(each for each in itertools.chain([folder], others) if not each.exists())


def beside(run: Path, ending: str) -> Path:
    """Return the folder that lies beside that of a run, also where this is `.` or `..`, with its name and an ending."""
    parent = run.parent if run.name not in ("", "..") else run.resolve().parent
    return parent / f"{run.resolve().name}{ending}"


def has_result(folder: Path) -> bool:
    """Return whether the run in `folder` has left a whole result, even if it goes on since."""
    return (folder / SUMMARY_FILE).exists()


def is_finished(folder: Path) -> bool:
    """Return whether the run in `folder` came to its end, which Ctrl-C is not, and was not given more episodes since.

    Raises:
        UserError: `summary.json` is damaged.
    """
    if not has_result(folder):
        return False
    summary = read_object(folder / SUMMARY_FILE)
    if summary.get("interrupted"):
        return False
    asked_since = _episodes(latest_description(folder))
    return asked_since is None or asked_since == _episodes(summary)


def _episodes(description: Mapping[str, Any]) -> Any:
    """Return the number of episodes that a run was asked for; None where it has none."""
    arguments = description.get("arguments")
    return arguments.get("episodes") if isinstance(arguments, Mapping) else None


def recorded_weights(folder: Path) -> str:
    """Return the weights of the original of the run in `folder`, as `--weights` named them; empty where it says none.

    Raises:
        UserError: `summary.json` is damaged.
    """
    return str(_recorded(folder).get("weights") or "")


def recorded_preparation(folder: Path) -> dict[str, Any]:
    """Return what the run in `folder` recorded of how images became inputs, and its seed, by the names of arguments.

    Raises:
        UserError: `summary.json` is damaged.
    """
    recorded = _recorded(folder)
    values = {name: recorded.get(name) for name in ("image_size", "mean", "std", "class_order", "seed")}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if value is not None
    }


def _recorded(folder: Path) -> Mapping[str, Any]:
    """Return the arguments of the run in `folder`; none where it has no summary, or that says none."""
    summary = folder / SUMMARY_FILE
    arguments = read_object(summary).get("arguments") if summary.exists() else None
    return arguments if isinstance(arguments, dict) else {}


def can_go_on(folder: Path) -> bool:
    """Return whether `folder` holds a run that `--resume` can continue."""
    if not has_snapshot(folder) or is_finished(folder):
        return False
    return latest_description(folder).get("program") != PYTHON


def check_new(asked: Path, option: str = "--run-dir") -> None:
    """Check that `asked`, the folder that `option` names, can become that of a new run.

    Raises:
        UserError: The folder is not empty, or can't be written to.
    """
    check_place(asked, option)
    if not _is_empty(asked):
        resume = ", go on with the run in it by --resume" if can_go_on(asked) else ""
        raise UserError(f"{asked} is not empty; give a new folder as {option}{resume}, or remove it")


def check_free(given: str | Path) -> None:
    """Check that a folder that is given in Python, where no run can go on, can become that of a new run.

    Raises:
        UserError: It is no path, the folder is not empty, or it can't be written to.
    """
    if not isinstance(given, str | os.PathLike):
        raise UserError(f"expected folder as a path, got {given!r}")
    folder = Path(given)
    check_place(folder, "folder")
    if not _is_empty(folder):
        raise UserError(f"{folder} is not empty; give another folder, or remove it")


def check_place(asked: Path, option: str) -> None:
    """Check that `asked`, which `option` names, is a folder that may be written to, or can become one.

    Raises:
        UserError: There is a file in its place, it may not be written to, or no folder can have that name.
    """
    try:
        asked.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # looked for below
        pass
    except (OSError, ValueError) as error:  # too long, or with a zero byte
        raise UserError(f"no folder can have the name that {option} gives: {one_line(error)}") from error
    nearest = next(folder for folder in (asked, *asked.absolute().parents) if os.path.lexists(folder))
    if not nearest.is_dir():
        raise UserError(f"expected a folder for {option}, {nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(f"{nearest} can't be written to; give another {option}")


def _is_empty(asked: Path) -> bool:
    """Return whether nothing is there but the lock of a process that was killed before it wrote anything."""
    if not asked.is_dir():
        return True
    checkpoints = asked / CHECKPOINT_FOLDER
    others = [path for path in asked.iterdir() if path != checkpoints]
    return not others and (not checkpoints.is_dir() or all(path.name == LOCK_FILE for path in checkpoints.iterdir()))


def keep_input(folder: Path, name: str, source: Path) -> None:
    """Copy a file that a run starts from beside its checkpoints: it may be gone when the run goes on."""
    copy = folder / CHECKPOINT_FOLDER / name
    if source != copy:
        write_bytes(copy, source.read_bytes())


def forget(folder: Path) -> None:
    """Remove the folder of a run in which nothing was computed yet, with what was begun in it."""
    shutil.rmtree(folder / CHECKPOINT_FOLDER, ignore_errors=True)
    with contextlib.suppress(OSError):  # it holds something else
        folder.rmdir()
