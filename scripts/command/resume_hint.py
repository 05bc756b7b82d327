"""The message of a run that is stopped early: which files are there, which are missing, and how to resume it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agents.report.command_lines import run_command
from amc.artifacts.policy import POLICY_FILE, WEIGHTS_FILE
from amc.artifacts.run_folder import AGENT_FILE, REPORT_FILE, SUMMARY_FILE, can_go_on, is_finished
from amc.artifacts.snapshots import CHECKPOINT_FOLDER, snapshot_names
from amc.latency.measuring_device import DeviceLostError
from amc.utils.errors import NothingFoundError, UserError
from scripts.command.signals import INTERRUPTED

OF_EVERY_RUN = (WEIGHTS_FILE, POLICY_FILE, SUMMARY_FILE, REPORT_FILE)
RESULTS = dict.fromkeys(("train", "apply", "finetune"), OF_EVERY_RUN)
"""The files that a finished run of each program has; searches by an agent have its file as well."""


@contextlib.contextmanager
def with_resume_hint(program: str, folder: Path, resume_command: str, *, quiet: bool) -> Iterator[None]:
    """Whatever stops the work in this context is reported with the command that resumes it, if there is a checkpoint.

    Args:
        program: The program that does the work.
        folder: Its run folder, in which it writes a checkpoint before it computes anything that is worth keeping.
        resume_command: The command that resumes it.
        quiet: Whether nothing but mistakes is printed.

    Raises:
        UserError: The work raised it; its message gains what is there, what is missing and how to resume.
    """
    snapshots, results = snapshot_names(folder), _results(folder)

    def is_begun() -> bool:
        return snapshot_names(folder) != snapshots and can_go_on(folder)

    try:
        yield
    except KeyboardInterrupt:
        if can_go_on(folder) and not quiet:
            print(f"go on with: {resume_command}")
        raise
    except SystemExit as stop:
        if stop.code != INTERRUPTED and can_go_on(folder) and not quiet:
            print(f"go on with: {resume_command}", file=sys.stderr)
        raise
    except DeviceLostError:
        if is_begun():
            print(f"go on with: {resume_command}", file=sys.stderr)
        raise
    except NothingFoundError:
        raise
    except UserError as error:
        written = _results(folder).items() - results.items()
        if not written and not is_begun():
            raise
        state = _state(program, folder, {name for name, _ in written})
        raise UserError(f"{error}; {state}; go on with: {_remedy(folder, resume_command)}") from error
    except Exception as error:
        if is_begun():
            error.add_note(f"go on with: {resume_command}")
        raise


def _results(folder: Path) -> dict[str, Any]:
    """An identity of each result file in a folder, by name, which changes when the file is replaced."""
    paths = [folder / name for name in (*OF_EVERY_RUN, AGENT_FILE)]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths if path.is_file()}


def _state(program: str, folder: Path, written: set[str]) -> str:
    unit, done, _ = max(snapshot_names(folder), default="step-0-").split("-")
    there = [f"{CHECKPOINT_FOLDER} (to {unit} {int(done)})", *sorted(written)]
    missing = [name for name in RESULTS.get(program, ()) if name not in written]
    return f"in {folder} {_listed(there)} there" + f", {_listed(missing)} missing" * bool(missing)


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _remedy(folder: Path, resume_command: str) -> str:
    if is_finished(folder):
        return run_command("report", folder, {})
    return resume_command
