"""Snapshots of a long piece of work, from which it can go on after whatever ended it.

A snapshot is one safetensors file in the folder `checkpoint` of a run: tensors, and a JSON object in its header. Its
name says how far the work has come, in a unit such as `episode`, and ends in a digest of its content, so that a file
that was cut short or changed is told from a whole one. The newest two stay: one is always whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from amc.artifacts.checked_json import check_exists
from amc.utils.errors import UserError
from amc.utils.files import write_bytes

CHECKPOINT_FOLDER = "checkpoint"
SCHEMA = 1
KEPT = 2
RUN = "run"  # of the header
DONE_AND_DIGEST = r"(\d{6,})-[0-9a-f]{16}\.safetensors"

Past_co = TypeVar("Past_co", covariant=True)


@dataclass(frozen=True, eq=False)
class Snapshot(Generic[Past_co]):
    """The state of a piece of work between two steps.

    Attributes:
        run: What the work is, as a JSON object.
        past: How far it has come.
    """

    run: Mapping[str, Any]
    past: Past_co


def save_snapshot(folder: Path, unit: str, done: int, run: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Path:
    """Write a snapshot into the run folder `folder`, atomically, and remove all but the newest two.

    Where there is no room for a third, as on a full disk, the older one is removed first.

    Args:
        folder: The run folder.
        unit: The unit in which progress is counted.
        done: How many units are done.
        run: What the work is, as a JSON object.
        tensors: How far it has come.

    Raises:
        UserError: The folder can't be written to.
    """
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    content = safetensors.torch.save(copies, {RUN: json.dumps({"schema": SCHEMA, **run}, allow_nan=False)})
    path = folder / CHECKPOINT_FOLDER / f"{unit}-{done:06d}-{_digest(content)}.safetensors"
    try:
        write_bytes(path, content)
    except UserError:
        older = _newest_first(path.parent, unit)[1:]
        if not older:
            raise
        _remove(older)
        write_bytes(path, content)  # into the room that they had on a full disk
    keep = {path, *_newest_first(path.parent, unit)[:KEPT]}
    found = path.parent.glob(f"*{unit}-*.safetensors")  # older ones, and parts that a killed run left
    _remove(other for other in found if other not in keep)
    return path


def latest_snapshot(
    folder: Path, unit: str, read: Callable[[Mapping[str, Any], Mapping[str, Tensor]], Past_co]
) -> tuple[Snapshot[Past_co], tuple[str, ...]]:
    """Return the newest whole snapshot in the run folder `folder`, and a line for each newer one that is damaged.

    Args:
        folder: The run folder.
        unit: The unit in which progress is counted.
        read: Makes the past from the JSON object and the tensors; it raises a ValueError where they have another form.

    Raises:
        UserError: There is no snapshot, or all are damaged.
    """
    faults: list[str] = []
    for path in _newest_first(folder / CHECKPOINT_FOLDER, unit):
        try:
            run, tensors = _content(path)
            return Snapshot(run, read(run, tensors)), tuple(faults)
        except (ValueError, OSError, SafetensorError) as error:
            faults.append(f"{path} is damaged: {error}")
    if faults:
        raise UserError(f"{'; '.join(faults)}; no other is there")
    check_exists(folder)
    raise UserError(f"no checkpoint in {folder}; give the folder of a run that was begun")


def latest_description(folder: Path) -> Mapping[str, Any]:
    """Return what the newest whole snapshot in the run folder `folder` says of the work; empty where there is none."""
    tried: frozenset[str] = frozenset()
    while (names := snapshot_names(folder)) != tried:  # a run that goes on may replace those that were listed
        paths = [folder / CHECKPOINT_FOLDER / name for name in names]
        for path in sorted(paths, key=_written_at, reverse=True):
            with contextlib.suppress(ValueError, OSError, SafetensorError):
                return _content(path)[0]
        tried = names
    return {}


def has_snapshot(folder: Path) -> bool:
    """Return whether the run folder `folder` has any snapshot, whole or not."""
    return bool(snapshot_names(folder))


def snapshot_names(folder: Path) -> frozenset[str]:
    """Return the names of the snapshot files in the run folder `folder`, whole or not."""
    found = (folder / CHECKPOINT_FOLDER).glob("*.safetensors")
    return frozenset(path.name for path in found if re.fullmatch(rf"[a-z]+-{DONE_AND_DIGEST}", path.name))


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _newest_first(folder: Path, unit: str) -> list[Path]:
    """Return snapshots by how far they have come, the farthest first; of equal ones, the one written last."""
    name = re.compile(rf"{unit}-{DONE_AND_DIGEST}")
    found = [(match, path) for path in folder.glob(f"{unit}-*") if (match := name.fullmatch(path.name))]
    found.sort(key=lambda each: (int(each[0][1]), _written_at(each[1])), reverse=True)
    return [path for _, path in found]


def _written_at(path: Path) -> int:
    """Return when a file was written, in nanoseconds; 0 where it was removed since it was listed."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _content(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    content = path.read_bytes()
    if _digest(content) != path.stem.rpartition("-")[2]:
        raise ValueError("its content is not what was written")
    tensors = safetensors.torch.load(content)
    with safe_open(path, "pt") as file:
        run = msgspec.json.decode((file.metadata() or {}).get(RUN, "{}"), type=dict[str, Any])
    if run.pop("schema", None) != SCHEMA:
        raise ValueError(f"expected a checkpoint of schema {SCHEMA}")
    return run, tensors
