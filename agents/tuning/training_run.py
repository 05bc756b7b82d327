"""A training that keeps its best epoch, and writes checkpoints from which it can be resumed."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from agents.report.tensorboard.training_events import Point, TrainingEvents
from agents.report.terminal.training_bar import TrainingBar
from agents.search.checkpoints import CHECKPOINT_SECONDS
from amc.artifacts.snapshots import Snapshot
from amc.pruning.slicing import restore_tensors, stored_tensors
from amc.training.training_loop import DivergedError, Training
from amc.training.training_progress import Epoch, TrainingProgress, save_training
from amc.utils.errors import NothingFoundError, UserError
from amc.utils.option_names import option


class TrainingRun:
    """Trains a network to the last epoch and keeps the best one, with events and checkpoints in a folder.

    Args:
        folder: The folder for events and checkpoints; None where nothing is written.
        run: The description of the run that its checkpoints hold, as a JSON object.
        network: The network that is trained, which `training` trains.
        training: The training of it, at its beginning.
        scored: Gives the score of a network on the reward images, after each epoch.
        past: How far the training came before an interruption; no epochs for a new one.
        seconds: Seconds that were spent before the interruption.

    Attributes:
        past: How far it has come: the whole epochs, and the best network of them.
        points: The numbers of each step of this process, as TensorBoard shows them.
        events: The file that they are written into; None without a folder.
    """

    def __init__(
        self,
        folder: Path | None,
        run: Mapping[str, Any],
        network: nn.Module,
        training: Training,
        scored: Callable[[nn.Module], float],
        past: TrainingProgress,
        seconds: float,
    ) -> None:
        self._folder = folder
        self._run = run
        self._network = network
        self._training = training
        self._scored = scored
        self.past = past
        self.points: list[Point] = []
        self._seconds = seconds
        self._start = time.perf_counter()
        self._written = -math.inf
        if past.training:
            training.set_state(past.training)
        self.events = None if folder is None else TrainingEvents(folder, training.steps + 1)

    @property
    def seconds(self) -> float:
        """Seconds that were spent before an interruption and since."""
        return self._seconds + time.perf_counter() - self._start

    @property
    def steps(self) -> int:
        """The batches that the network was trained on."""
        return self._training.steps

    @property
    def checkpoint(self) -> Snapshot[TrainingProgress]:
        """The training between two steps; its tensors are not copies."""
        past = dataclasses.replace(self.past, training=self._training.state())
        return Snapshot({**self._run, "seconds": self.seconds}, past)

    def finish(self, epochs: int, bar: TrainingBar) -> None:
        """Train for what is left of `epochs` epochs; the network is then that of the last one.

        Raises:
            NothingFoundError: The loss is no longer finite.
            UserError: The network is not what it is trained for.
        """
        training = self._training
        while training.epoch < epochs:
            try:
                self._train_epoch(bar)
            except DivergedError as error:
                raise NothingFoundError(f"{error}; lower {option('lr')}") from error
            self._end_epoch()
            bar.epoch(training.epoch, self.past.epochs[-1])
            self._save_checkpoint()

    def _train_epoch(self, bar: TrainingBar) -> None:
        training = self._training
        for loss in training.rest_of_epoch():
            self._point({"loss": loss, "learning rate": training.learning_rate})
            bar.step(training.done, training.mean_loss)
            if time.perf_counter() - self._written > CHECKPOINT_SECONDS:
                self._save_checkpoint()

    def keep_best(self) -> None:
        """Put the weights of the best epoch into the network, which is then in evaluation mode."""
        restore_tensors(self._network.eval(), self.past.best)

    def _end_epoch(self) -> None:
        past, best = self.past, self.past.best
        with self._training.averaged():
            score = self._scored(self._network)
            if score > past.best_score:
                best = clone_tensors(self._network)
        epochs = (*past.epochs, Epoch(self._training.mean_loss, score))
        self.past = dataclasses.replace(past, epochs=epochs, training={}, best=best)
        self._point({"score on the reward images": score})
        self._training.next_epoch()

    def _point(self, values: Mapping[str, float]) -> None:
        points = [Point(name, value, self.steps) for name, value in values.items()]
        self.points += points
        if self.events is not None:
            self.events.write(points)

    def _save_checkpoint(self) -> None:
        """Write a checkpoint; where that fails, as on a full disk, a warning is printed and the training goes on."""
        if self._folder is None:
            return
        try:
            save_training(self._folder, self.steps, self.checkpoint)
        except UserError as error:
            print(f"warning: no checkpoint was written: {error}", file=sys.stderr)
        self._written = time.perf_counter()


def clone_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Copies of all tensors that a network stores, by name."""
    return {name: tensor.clone() for name, tensor in stored_tensors(network).items()}
