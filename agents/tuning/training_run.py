"""A training that keeps its best epoch, and writes checkpoints from which it can be resumed."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor, nn

from agents.report.tensorboard.event_file import EventFile
from agents.report.terminal.progress import TrainingBar
from agents.search.checkpoints import CHECKPOINT_SECONDS
from amc.artifacts.snapshots import Snapshot, latest_snapshot, part, save_snapshot
from amc.data.images import Images
from amc.pruning.slicing import restore_tensors, stored_tensors
from amc.training.training_loop import Training
from amc.utils.errors import UserError
from scripts.command.compared_scores import Scoring

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
    """

    before: float
    epochs: tuple[Epoch, ...]
    training: Mapping[str, Tensor]
    best: Mapping[str, Tensor]

    @property
    def best_score(self) -> float:
        """The score of the network that `best` holds."""
        return max([self.before, *(epoch.score for epoch in self.epochs)])


@dataclass(frozen=True)
class _Progress:
    """How far a training has come, as its checkpoint holds it in JSON."""

    before: float
    epochs: tuple[Epoch, ...]


def latest_training(folder: Path) -> tuple[Snapshot[TrainingProgress], tuple[str, ...]]:
    """The newest whole checkpoint of a training in `folder`, and what is wrong with newer ones, a line each.

    Raises:
        UserError: There is none, or all are damaged.
    """
    return latest_snapshot(folder, UNIT, _past)


def _past(run: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> TrainingProgress:
    progress = msgspec.convert(run, _Progress)
    return TrainingProgress(progress.before, progress.epochs, part(tensors, TRAINING), part(tensors, BEST))


class TrainingRun:
    """Trains a network to the last epoch and keeps the best one, with events and checkpoints in a run folder.

    Args:
        folder: The run folder, for events and checkpoints.
        run: The description of the run that its checkpoints hold, as a JSON object.
        network: The network that is trained, which `training` trains.
        training: The training of it, at its beginning.
        scoring: Scores the network after each epoch.
        images: The reward images, on which it is scored.
        past: How far the training came before an interruption; no epochs for a new one.
        seconds: Seconds that were spent before the interruption.

    Attributes:
        past: How far it has come: the whole epochs, and the best network of them.
    """

    def __init__(
        self,
        folder: Path,
        run: Mapping[str, Any],
        network: nn.Module,
        training: Training,
        scoring: Scoring,
        images: Images,
        past: TrainingProgress,
        seconds: float,
    ) -> None:
        self._folder = folder
        self._run = run
        self._network = network
        self._training = training
        self._scoring = scoring
        self._images = images
        self.past = past
        self._seconds = seconds
        self._start = time.perf_counter()
        self._written = -math.inf
        if past.training:
            training.set_state(past.training)
        self._events = EventFile(folder, training.steps + 1)

    @property
    def seconds(self) -> float:
        """Seconds that were spent before an interruption and since."""
        return self._seconds + time.perf_counter() - self._start

    def finish(self, epochs: int, bar: TrainingBar) -> TrainingProgress:
        """Train for what is left of `epochs` epochs, and put the best weights into the network.

        Raises:
            UserError: The loss is no longer finite, or the network is no classifier.
        """
        training = self._training
        while training.epoch < epochs:
            for loss in training.rest_of_epoch():
                self._point({"loss": loss, "learning rate": training.learning_rate})
                bar.step(training.done, self._words(training.mean_loss))
                if time.perf_counter() - self._written > CHECKPOINT_SECONDS:
                    self._checkpoint()
            self._end_epoch()
            bar.epoch(training.epoch, self._words(self.past.epochs[-1].loss))
            self._checkpoint()
        restore_tensors(self._network, self.past.best)
        return self.past

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write the summary into the TensorBoard events, and end them.

        Raises:
            UserError: Some events could not be written.
        """
        text = f"```json\n{json.dumps(summary, indent=2)}\n```"
        self._events.close(lambda: self._events.writer.add_text("summary", text, self._training.steps))

    def _end_epoch(self) -> None:
        score, past = self._scoring(self._network, self._images).value, self.past
        best = past.best
        if score > past.best_score:
            best = clone_tensors(self._network)
        self.past = TrainingProgress(past.before, (*past.epochs, Epoch(self._training.mean_loss, score)), {}, best)
        self._point({"score on the reward images": score})
        self._training.next_epoch()

    def _point(self, values: Mapping[str, float]) -> None:
        def write() -> None:
            for name, value in values.items():
                self._events.writer.add_scalar(f"tuning/{name}", value, self._training.steps)

        self._events.write(write)

    def _words(self, loss: float) -> str:
        return f"loss {loss:.3f}, best on reward images {self._scoring.shown(self.past.best_score)}"

    def _checkpoint(self) -> None:
        """Write a checkpoint; where that fails, as on a full disk, a warning is printed and the training goes on."""
        past = self.past
        run = {**self._run, "before": past.before, "epochs": list(map(asdict, past.epochs)), "seconds": self.seconds}
        tensors = {f"{TRAINING}{name}": tensor for name, tensor in self._training.state().items()}
        tensors |= {f"{BEST}{name}": tensor for name, tensor in past.best.items()}
        try:
            save_snapshot(self._folder, UNIT, self._training.steps, run, tensors)
        except UserError as error:
            print(f"warning: no checkpoint was written: {error}", file=sys.stderr)
        self._written = time.perf_counter()


def clone_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Copies of all tensors that a network stores, by name."""
    return {name: tensor.clone() for name, tensor in stored_tensors(network).items()}
