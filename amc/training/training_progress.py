"""How far a training has come, and the checkpoints that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from amc.artifacts.snapshots import Snapshot, latest_snapshot, part, save_snapshot

UNIT = "step"
TRAINING, BEST = "training.", "best."


@dataclass(frozen=True)
class Epoch:
    """The mean loss of an epoch, and the score on the reward images after it."""

    loss: float
    score: float


@dataclass(frozen=True, eq=False)
class TrainingProgress:
    """How far a training has come.

    Attributes:
        before: The score of the untrained network on the reward images; 0 where that is not the one to beat.
        epochs: The epochs that are over.
        training: The state of the training; empty at its beginning.
        best: The tensors of the network with the best score so far, by name.
        lr: The learning rate at its peak that a test found; None where it was given.
    """

    before: float
    epochs: tuple[Epoch, ...]
    training: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    lr: float | None = None

    @property
    def best_score(self) -> float:
        """The score of the network that `best` holds."""
        return max([self.before, *(epoch.score for epoch in self.epochs)])


@dataclass(frozen=True)
class _Progress:
    """How far a training has come, as its checkpoint holds it in JSON."""

    before: float
    epochs: tuple[Epoch, ...]
    lr: float | None = None


def save_training(folder: Path, steps: int, checkpoint: Snapshot[TrainingProgress]) -> None:
    """Write the checkpoint of a training after so many steps into its folder.

    Raises:
        UserError: The folder can't be written to.
    """
    past = checkpoint.past
    run = {**checkpoint.run, "before": past.before, "epochs": list(map(asdict, past.epochs)), "lr": past.lr}
    tensors = {f"{TRAINING}{name}": tensor for name, tensor in past.training.items()}
    tensors |= {f"{BEST}{name}": tensor for name, tensor in past.best.items()}
    save_snapshot(folder, UNIT, steps, run, tensors)


def latest_training(folder: Path) -> tuple[Snapshot[TrainingProgress], tuple[str, ...]]:
    """The newest whole checkpoint of a training in `folder`, and what is wrong with newer ones, a line each.

    Raises:
        UserError: There is none, or all are damaged.
    """
    return latest_snapshot(folder, UNIT, _past)


def _past(run: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> TrainingProgress:
    progress = msgspec.convert(run, _Progress)
    found = part(tensors, TRAINING), part(tensors, BEST)
    return TrainingProgress(progress.before, progress.epochs, *found, progress.lr)
