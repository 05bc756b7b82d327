"""The folder of a run."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from amc.errors import UserError

SUMMARY_FILE = "summary.json"
AGENT_FILE = "agent.zip"


def named_after(model: str) -> Path:
    """A folder under `runs/`, named after a network and the time."""
    stem = re.sub(r"\W+", "-", model.rpartition(":")[2])
    return Path("runs") / f"{stem}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"


def check_new(asked: Path, option: str = "--run-dir") -> None:
    """Raise a UserError where `asked`, the folder that `option` names, can't become that of a new run."""
    if asked.is_dir() and any(asked.iterdir()):
        raise UserError(
            f"{asked} is not empty; give a new folder as {option}, go on with the run in it by --resume, or remove it"
        )
    nearest = next(folder for folder in (asked, *asked.absolute().parents) if os.path.lexists(folder))
    if not nearest.is_dir():
        raise UserError(f"expected a folder for {option}, {nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(f"{nearest} can't be written to; give another {option}")
