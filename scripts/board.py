"""A search in TensorBoard."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from agents.result import Episode, better
from amc.errors import UserError
from amc.graph import Keeps, PruningGraph


class Board:
    """Writes one run's events into `folder`: a point per episode, pictures and text at the end.

    A disk that is full does not end the search: no more events are written, and `close` says so.

    Args:
        folder: The run folder; it is made with the first event.
        graph: The pruned network.
        original: Cost of the whole network by kind.
    """

    def __init__(self, folder: Path, graph: PruningGraph, original: Mapping[str, int]) -> None:
        self._folder = folder
        self._graph = graph
        self._original = original
        self._best: Episode | None = None
        self._failure: OSError | None = None

    @cached_property
    def _writer(self) -> SummaryWriter:
        return SummaryWriter(str(self._folder))

    def episode(self, episode: Episode) -> None:
        """One point of every curve."""
        self._write(lambda: self._points(episode))

    def close(
        self,
        episodes: Sequence[Episode],
        best: Keeps,
        arguments: Mapping[str, Any],
        summary: Mapping[str, Any],
    ) -> None:
        """The best policy as a picture, cost against accuracy, hyperparameters with what they led to, the summary.

        Raises:
            UserError: some events could not be written.
        """
        self._write(lambda: self._ending(episodes, best, arguments, summary))
        if self._failure is not None:
            raise UserError(
                f"not all TensorBoard events could be written into {self._folder}: {self._failure.strerror};"
                " the other results are there"
            )

    def _write(self, events: Callable[[], None]) -> None:
        """Write events, unless that failed before."""
        hook, threading.excepthook = threading.excepthook, _no_traceback
        try:
            if self._failure is None:
                events()
        except OSError as error:
            self._failure = error
        finally:
            threading.excepthook = hook

    def _points(self, episode: Episode) -> None:
        self._best = better(self._best, episode)
        outcome, step = episode.outcome, episode.index
        values = {
            "reward/episode": episode.reward,
            "reward/best so far": self._best.reward,
            "accuracy/episode": outcome.accuracy,
            "accuracy/of the best so far": self._best.outcome.accuracy,
            "cost/share of MACs": outcome.macs / self._original["macs"],
            "cost/share of parameters": outcome.params / self._original["params"],
            **episode.details,
        }
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.add_histogram("sparsity over groups", self._sparsity(episode.keeps), step)
        for group, sparsity in zip(self._graph.groups, self._sparsity(episode.keeps), strict=True):
            self._writer.add_scalar(f"sparsity/{group.index:03d} {group.name}", sparsity, step)
        self._writer.flush()

    def _ending(
        self,
        episodes: Sequence[Episode],
        best: Keeps,
        arguments: Mapping[str, Any],
        summary: Mapping[str, Any],
    ) -> None:
        step = len(episodes)
        self._writer.add_figure("best policy", self._policy_figure(best), step)
        self._writer.add_figure("accuracy against cost", self._scatter(episodes), step)
        numbers = {f"result/{name}": value for name, value in summary.items() if isinstance(value, int | float)}
        plain = {name: value if isinstance(value, int | float) else str(value) for name, value in arguments.items()}
        for part in hparams(plain, numbers):  # add_hparams would open a second file
            self._writer._get_file_writer().add_summary(part)
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.add_text("summary", f"```json\n{json.dumps(summary, indent=2)}\n```", step)
        self._writer.close()

    def _sparsity(self, keeps: Keeps) -> np.ndarray:
        return 1.0 - keeps / self._graph.full

    def _policy_figure(self, keeps: Keeps) -> Figure:
        names = [group.name for group in self._graph.groups]
        figure = Figure(figsize=(max(6.0, 0.3 * len(names)), 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(range(len(names)), 100 * (1 - self._sparsity(keeps)))
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axes.set_ylabel("channels kept (%)")
        axes.set_ylim(0, 100)
        return figure

    def _scatter(self, episodes: Sequence[Episode]) -> Figure:
        figure = Figure(figsize=(6.0, 4.0), layout="constrained")
        axes = figure.add_subplot()
        shares = [100 * episode.outcome.macs / self._original["macs"] for episode in episodes]
        points = axes.scatter(
            shares,
            [100 * episode.outcome.accuracy for episode in episodes],
            c=[episode.index for episode in episodes],
            s=12,
        )
        figure.colorbar(points, label="episode")
        axes.set_xlabel("MACs left (%)")
        axes.set_ylabel("accuracy (%)")
        return figure


def _no_traceback(failed: threading.ExceptHookArgs) -> None:
    """For TensorBoard's own thread, whose errors are raised again in ours."""
    if not isinstance(failed.exc_value, OSError):
        threading.__excepthook__(failed)
