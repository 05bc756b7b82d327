"""A search between two episodes as a file, so that it can go on after whatever ended it.

A checkpoint is one safetensors file: what the strategy knows and the episodes so far as tensors, the run's description
as JSON in its header. Its name ends in a digest of its content, so that a file that was cut short or changed is told
from a whole one. The newest two stay: one is always whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from agents.history import from_columns, to_columns
from agents.result import Past
from amc.errors import UserError
from amc.files import write_bytes

CHECKPOINT_FOLDER = "checkpoint"
SCHEMA = 1
KEPT = 2
NAME = re.compile(r"episode-(\d{6,})-([0-9a-f]{16})\.safetensors")
EPISODES, STATE, RUN = "episodes.", "state.", "run"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A search between two episodes.

    Attributes:
        run: What the search is, as a JSON object; `groups` has an item for each channel group.
        past: How far it has come.
    """

    run: Mapping[str, Any]
    past: Past


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into the run folder `folder`, whole or not at all, and remove all but the newest two.

    Raises:
        UserError: the folder can't be written to.
    """
    groups = len(checkpoint.run["groups"])
    tensors = {f"{EPISODES}{name}": column for name, column in to_columns(checkpoint.past.episodes, groups).items()}
    tensors |= {f"{STATE}{name}": tensor.detach().cpu().contiguous() for name, tensor in checkpoint.past.state.items()}
    header = json.dumps({"schema": SCHEMA, **checkpoint.run}, allow_nan=False)
    content = safetensors.torch.save(tensors, {RUN: header})
    path = folder / CHECKPOINT_FOLDER / f"episode-{len(checkpoint.past.episodes):06d}-{_digest(content)}.safetensors"
    write_bytes(path, content)
    keep = {path, *_newest_first(path.parent)[:KEPT]}
    for other in path.parent.glob("*episode-*.safetensors"):  # older ones, and parts that a killed run left
        if other not in keep:
            with contextlib.suppress(OSError):
                other.unlink()
    return path


def latest_checkpoint(folder: Path) -> tuple[Checkpoint, tuple[str, ...]]:
    """The newest whole checkpoint in the run folder `folder`, and what is wrong with newer ones, a line each.

    Raises:
        UserError: there is none, or all are damaged.
    """
    faults: list[str] = []
    for path in _newest_first(folder / CHECKPOINT_FOLDER):
        try:
            return _read(path), tuple(faults)
        except (ValueError, OSError, SafetensorError) as error:
            faults.append(f"{path} is damaged: {error}")
    if faults:
        raise UserError(f"{'; '.join(faults)}; no other is there")
    raise UserError(f"no checkpoint in {folder}; give the folder of a run that was begun")


def _newest_first(folder: Path) -> list[Path]:
    """Checkpoints by the number of episodes they hold, the largest first; of equal ones the one written last."""
    found = [(match, path) for path in folder.glob("episode-*") if (match := NAME.fullmatch(path.name))]
    found.sort(key=lambda each: (int(each[0][1]), each[1].stat().st_mtime_ns), reverse=True)
    return [path for _, path in found]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _read(path: Path) -> Checkpoint:
    content = path.read_bytes()
    if _digest(content) != path.stem.rpartition("-")[2]:
        raise ValueError("its content is not what was written")
    tensors = safetensors.torch.load(content)
    with safe_open(path, "pt") as file:
        run = json.loads((file.metadata() or {}).get(RUN, "null"))
    if not isinstance(run, dict) or run.pop("schema", None) != SCHEMA:
        raise ValueError(f"expected a checkpoint of schema {SCHEMA}")
    return Checkpoint(run, Past(from_columns(dict(_part(tensors, EPISODES))), dict(_part(tensors, STATE))))


def _part(tensors: Mapping[str, Tensor], prefix: str) -> Iterator[tuple[str, Tensor]]:
    return ((name.removeprefix(prefix), tensor) for name, tensor in tensors.items() if name.startswith(prefix))
