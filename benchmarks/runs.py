"""Helpers of the benchmarks: runs that are made once, and a description of the machine."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.artifacts.run_folder import SUMMARY_FILE
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.latency.fingerprint import cpu_name


def finished(program: str, folder: Path, options: Mapping[str, object]) -> dict[str, Any]:
    """The summary of a run of `scripts.PROGRAM` in `folder`; the run is made or resumed if it is not finished.

    An option whose value is a tuple is given once for each of it.
    """
    if not (folder / SUMMARY_FILE).exists():
        given = [(name, each) for name, value in options.items() for each in _each(value)]
        words = [word for name, value in given for word in (f"--{name}", str(value))]
        begun = (folder / CHECKPOINT_FOLDER).exists()
        words = ["--resume", str(folder)] if begun else [*words, "--run-dir", str(folder)]
        subprocess.run([sys.executable, "-m", f"scripts.{program}", *words], check=True, stdout=subprocess.DEVNULL)
    summary: dict[str, Any] = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    return summary


def _each(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def peak_memory() -> float:
    """The most memory that this process has held since its program began, in MiB (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage."""
    return f"{100 * share:.2f} %"


def machine() -> str:
    """The machine in words, for the line above a table."""
    return f"{platform.machine()}, {cpu_name()}"
