"""The options that a run was begun with, as its folder tells them, for all that starts from a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.checkpoint import latest_checkpoint
from amc.artifacts.checked_json import Count, checked, read_object
from amc.artifacts.run_folder import SUMMARY_FILE
from amc.artifacts.snapshots import has_snapshot


@dataclass(frozen=True)
class RecordedArguments:
    """The arguments of a run that are taken over from it; summaries of earlier versions lack those with a default."""

    model: str
    weights: str
    image_size: Count | tuple[Count, ...] | None  # msgspec ends Python at the type of two alone
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    data: str
    calibration_images: Count | None
    reward_split: Count | None
    test_images: Count | None
    metric: str
    seed: Count
    class_order: str | None = None
    output_kind: str | None = None


@dataclass(frozen=True)
class _WithArguments:
    """The part that summaries have in common with checkpoints of searches."""

    arguments: RecordedArguments


def read_recorded_arguments(run_dir: Path) -> dict[str, Any]:
    """The arguments, by name, of the run in a folder, which has found a policy and may have been interrupted since.

    Raises:
        UserError: No such run, or a damaged file.
    """
    return vars(checked(read_description(run_dir), _WithArguments, _source(run_dir)).arguments)


def read_description(run_dir: Path) -> Mapping[str, Any]:
    """What the summary of a run says of it, or its checkpoint before there is one, as a JSON object.

    Raises:
        UserError: No such run, or a damaged file.
    """
    summary = run_dir / SUMMARY_FILE
    stopped = latest_checkpoint(run_dir)[0].run if not summary.exists() and has_snapshot(run_dir) else {}
    return stopped if "arguments" in stopped else read_object(summary)


def _source(run_dir: Path) -> str:
    summary = run_dir / SUMMARY_FILE
    return str(summary) if summary.exists() else f"the checkpoint in {run_dir}"
