"""Checkpoints of a search between two episodes: the episodes so far, and what the strategy knows after them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from agents.episode import Past
from agents.history import from_columns, to_columns
from amc.artifacts.snapshots import Snapshot, latest_snapshot, part, save_snapshot

UNIT = "episode"
EPISODES, STATE = "episodes.", "state."

Checkpoint = Snapshot[Past]
"""A search between two episodes (`amc.artifacts.snapshots`); its description has an item in `groups` for each group."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into the run folder `folder`, whole or not at all, and remove all but the newest two.

    Raises:
        UserError: The folder can't be written to.
    """
    episodes, groups = checkpoint.past.episodes, len(checkpoint.run["groups"])
    tensors = {f"{EPISODES}{name}": column for name, column in to_columns(episodes, groups).items()}
    tensors |= {f"{STATE}{name}": tensor for name, tensor in checkpoint.past.state.items()}
    return save_snapshot(folder, UNIT, len(episodes), checkpoint.run, tensors)


def latest_checkpoint(folder: Path) -> tuple[Checkpoint, tuple[str, ...]]:
    """The newest whole checkpoint in the run folder `folder`, and what is wrong with newer ones, a line each.

    Raises:
        UserError: There is none, or all are damaged.
    """
    return latest_snapshot(folder, UNIT, _past)


def _past(_: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Past:
    return Past(from_columns(part(tensors, EPISODES)), part(tensors, STATE))
