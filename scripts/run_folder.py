"""The folder of a run."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from amc.errors import UserError

SUMMARY_FILE = "summary.json"
AGENT_FILE = "agent.zip"


def new_run_folder(asked: Path | None, model: str) -> Path:
    """Where a new run goes: the folder asked for, else one under `runs/` named after network and time.

    Nothing is made yet. Raises UserError where something is already there.
    """
    if asked is None:
        stem = re.sub(r"\W+", "-", model.rpartition(":")[2])
        asked = Path("runs") / f"{stem}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    if asked.exists() and not asked.is_dir():
        raise UserError(f"expected a folder for --run-dir, {asked} is a file")
    if asked.is_dir() and any(asked.iterdir()):
        raise UserError(f"{asked} already holds a run; give another --run-dir or remove it")
    return asked
