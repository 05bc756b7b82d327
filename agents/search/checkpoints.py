"""The writing of checkpoints while a search runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from agents.checkpoint import Checkpoint, save_checkpoint
from agents.episode import Episode, Past
from amc.utils.errors import UserError

CHECKPOINT_SECONDS = 60.0
"""Seconds after which a checkpoint is written at the latest, so that no more work than this can be lost."""


class Checkpoints:
    """A listener that remembers the state of the search after each episode, and writes it from time to time.

    The remembered state is whole, and can be written at any moment, also while the strategy is at work on the next one.

    Args:
        folder: The run folder; None where nothing is written.
        run: Gives the description of the search that checkpoints hold, as a JSON object.
        state: Gives what the strategy knows; it is called after each episode.
        every: Episodes after which a checkpoint is written at the latest.
        past: How far the search came before an interruption; empty for a new one.
        seconds: Seconds that were spent before the interruption.
    """

    def __init__(
        self,
        folder: Path | None,
        run: Callable[[], Mapping[str, Any]],
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
        """Seconds that were spent searching, before an interruption and since."""
        return self._seconds + time.perf_counter() - self._start

    @property
    def episodes(self) -> Sequence[Episode]:
        """All episodes so far, each of which a checkpoint holds or will hold."""
        return self._past.episodes

    @property
    def latest(self) -> Checkpoint:
        """The checkpoint of the search after its last episode."""
        return Checkpoint({**self._run(), "seconds": self.seconds}, self._past)

    def __call__(self, episode: Episode) -> None:
        """Remember one episode and the state after it, and write a checkpoint if one is due."""
        self._past = Past((*self._past.episodes, episode), self._state())
        due = len(self._past.episodes) % self._every == 0 or time.perf_counter() - self._written > CHECKPOINT_SECONDS
        if due:
            self.attempt()

    def attempt(self) -> None:
        """Write a checkpoint; where that fails, as on a full disk, a warning is printed and the search goes on."""
        try:
            self.write()
        except UserError as error:
            print(f"warning: no checkpoint was written: {error}", file=sys.stderr)

    def write(self) -> None:
        """Write the latest checkpoint, unless it is written already.

        Raises:
            UserError: The folder can't be written to.
        """
        if self._folder is None or self._saved == len(self._past.episodes):
            return
        save_checkpoint(self._folder, self.latest)
        self._saved = len(self._past.episodes)
        self._written = time.perf_counter()
