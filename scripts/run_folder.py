"""The folder of a run."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from amc.errors import UserError

SUMMARY_FILE = "summary.json"
AGENT_FILE = "agent.zip"


def new_run_folder(asked: Path | None, model: str) -> Path:
    """Where a new run goes: the folder asked for, else one under `runs/` named after network and time.

    Nothing is made yet. Raises UserError where something is already there, or nothing can be made.
    """
    if asked is None:
        stem = re.sub(r"\W+", "-", model.rpartition(":")[2])
        asked = Path("runs") / f"{stem}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    if asked.is_dir() and any(asked.iterdir()):
        raise UserError(
            f"{asked} is not empty; give a new folder as --run-dir, go on with the run in it by --resume, or remove it"
        )
    nearest = next(folder for folder in (asked, *asked.absolute().parents) if os.path.lexists(folder))
    if not nearest.is_dir():
        raise UserError(f"expected a folder for --run-dir, {nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(f"{nearest} can't be written to; give another --run-dir")
    return asked
