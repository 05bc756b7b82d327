"""Checkpoints while a search runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from agents.checkpoint import Checkpoint, save_checkpoint
from agents.result import Episode, Past
from amc.utils.errors import UserError

LONGEST = 60.0
"""Seconds of work that may be lost, or one episode where that takes longer."""


class Checkpoints:
    """Told of every episode, it notes what the strategy knows then, and writes it from time to time.

    What was noted last can be written at any moment, also while the strategy is in the middle of something.

    Args:
        folder: The run folder; None where nothing is written.
        run: What the search is, as a JSON object.
        state: What the strategy knows, asked for after each episode.
        every: Episodes after which a checkpoint is written at the latest.
        past: How far the search has come.
        seconds: Spent on that.
    """

    def __init__(
        self,
        folder: Path | None,
        run: Mapping[str, Any],
        state: Callable[[], dict[str, Tensor]],
        every: int,
        past: Past,
        seconds: float,
    ) -> None:
        self._folder = folder
        self._run = run
        self._state = state
        self._every = every
        self._past = past
        self._seconds = seconds
        self._start = self._written = time.perf_counter()
        self._saved: int | None = None

    @property
    def seconds(self) -> float:
        """Spent searching, before an interruption and since."""
        return self._seconds + time.perf_counter() - self._start

    @property
    def latest(self) -> Checkpoint:
        """The search as it was noted last."""
        return Checkpoint({**self._run, "seconds": self.seconds}, self._past)

    def __call__(self, episode: Episode) -> None:
        """Note one episode and the state after it."""
        self._past = Past((*self._past.episodes, episode), self._state())
        due = len(self._past.episodes) % self._every == 0 or time.perf_counter() - self._written > LONGEST
        if due:
            self.attempt()

    def attempt(self) -> None:
        """Write as `write`; where that fails, as on a full disk, the search goes on, and is told so."""
        try:
            self.write()
        except UserError as error:
            print(f"warning: no checkpoint was written: {error}", file=sys.stderr)

    def write(self) -> None:
        """Write what was noted last, unless that is done.

        Raises:
            UserError: it can't be written.
        """
        if self._folder is None or self._saved == len(self._past.episodes):
            return
        save_checkpoint(self._folder, self.latest)
        self._saved = len(self._past.episodes)
        self._written = time.perf_counter()
