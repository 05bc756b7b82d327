"""The options of `amc report`."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.options.option_types import Run


@dataclass(frozen=True)
class Arguments:
    """Write report.html into the folder of a run, also of one that has not ended."""

    run_dir: Run
    """Folder of the run."""
