"""What is shown of a training while it runs: a bar, and a line for each epoch that is over."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from amc.scoring.number_format import duration, percent, score
from amc.training.training_progress import Epoch, TrainingProgress
from amc.utils.progress_bar import ProgressBar, progress_bar

LINES = 50
"""Lines about epochs that are printed at the most where there is no terminal."""


class TrainingBar:
    """The display that `training_bar` shows: it is told of every step and of every epoch.

    Args:
        bar: The bar, which counts epochs.
        epochs: The epochs of the training.
        metric: The name of the metric of all scores.
        past: How far the training has come.
        opening: A line about the training, printed once the first step is over: a refusal is the only line.
    """

    def __init__(self, bar: ProgressBar, epochs: int, metric: str, past: TrainingProgress, opening: str) -> None:
        self._bar = bar
        self._opening = opening
        self._epochs = epochs
        self._metric = metric
        self._best = past.best_score
        self._has_best = bool(past.before or past.epochs)
        self._begun = time.perf_counter()
        self._first: float | None = None
        """The share that was done when this process had taken its first step."""

    def note(self, line: str) -> None:
        """Print a line about the training."""
        self._bar.print(line)

    def step(self, done: float, loss: float) -> None:
        """Show that a step is over: the share in [0, 1] of all that are, and the mean loss of the epoch so far."""
        if self._first is None:
            self._first, self._begun = done, time.perf_counter()
            if self._opening:
                self.note(self._opening)
        whole = min(int(self._epochs * done), self._epochs - 1)
        within = percent(self._epochs * done - whole, digits=0)
        best = f", best {self._score(self._best)}" if self._has_best else ""
        self._bar.update(
            self._epochs * done, text=f"epoch {whole + 1}/{self._epochs}: {within} of it, loss {loss:.3f}{best}"
        )

    def epoch(self, number: int, epoch: Epoch) -> None:
        """Print that an epoch is over, of which the first has number 1."""
        is_best = not self._has_best or epoch.score > self._best
        if is_best:
            self._best, self._has_best = epoch.score, True
        line = f"epoch {number}/{self._epochs}: loss {epoch.loss:.3f}, reward images {self._score(epoch.score)}"
        line += ", best so far" if is_best else ""
        if self._bar.is_visible:
            self._bar.print(line)
        elif number % math.ceil(self._epochs / LINES) == 0 or number == self._epochs:
            self._bar.print(f"{line}{self._left(number / self._epochs)}")

    def _left(self, done: float) -> str:
        """The time that the rest takes at the speed so far."""
        if done == 1 or self._first is None or done <= self._first:
            return ""
        seconds = (time.perf_counter() - self._begun) * (1 - done) / (done - self._first)
        return f"; about {duration(seconds)} left"

    def _score(self, value: float) -> str:
        return score(self._metric, value)


@contextmanager
def training_bar(
    epochs: int, metric: str, past: TrainingProgress, opening: str = "", *, quiet: bool
) -> Iterator[TrainingBar]:
    """Show how a training goes on: a bar with the time left, and above it a line for each epoch that is over.

    Where standard error is no terminal there are the lines alone, 50 at the most, which say the time left as well.

    Args:
        epochs: The epochs of the training.
        metric: The name of the metric of all scores.
        past: How far the training has come.
        opening: A line about the training, printed once the first step is over.
        quiet: Whether nothing is shown.
    """
    with progress_bar(total=epochs, done=len(past.epochs), in_percent=True, quiet=quiet) as bar:
        yield TrainingBar(bar, epochs, metric, past, opening)
