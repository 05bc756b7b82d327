"""A search in TensorBoard: points while it runs, pictures now and then, results at its end."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from agents.episode import Episode, best_of, better
from agents.report import charts
from agents.report.tensorboard.curves import BEST_REWARD, LEARNING, layout, results
from agents.report.tensorboard.event_file import EventFile
from agents.report.tensorboard.hparams import hyperparameters
from amc.artifacts.front_file import Front
from amc.graph import KeptCounts, PruningGraph
from amc.scoring.number_format import COST_NAMES
from envs import Outcome

PICTURES = 10
"""How often pictures are drawn while a search runs, which is as many as TensorBoard shows of each."""
DRAWING_SHARE = 0.01
"""The largest share of the time that is spent on them."""
FIRST_DRAWING = 1.0
"""Seconds that the first drawing is expected to take."""


class Board:
    """Writes one run's events into `folder`: a point per episode, pictures now and then, the results at the end.

    Pictures are drawn at every tenth of the episodes, as far as that takes no more than a hundredth of the time: those
    of a search of less than two minutes come at its end. A disk that is full does not end the search: no more events
    are written, and `close` says so.

    Args:
        folder: The run folder; it is made with the first event.
        graph: The pruned network.
        original: Cost of the whole network by kind.
        episodes: How many the search scores in all.
        past: Episodes that were scored before an interruption. What the folder has of later ones is dropped.
        metric: How networks are scored.
        uniform: Units per group of the uniform policy, which is marked where it was scored; empty for none.
    """

    def __init__(
        self,
        folder: Path,
        graph: PruningGraph,
        original: Mapping[str, float],
        episodes: int,
        past: Sequence[Episode],
        *,
        metric: str,
        uniform: Sequence[int],
    ) -> None:
        self._events = EventFile(folder, len(past))
        self._graph = graph
        self._original = original
        self._every = -(-episodes // PICTURES)
        self._metric = metric
        self._uniform = uniform
        self._episodes = list(past)
        self._best = best_of(past)
        self._start = time.perf_counter()
        self._drawing = 0.0  # seconds so far
        self._next_drawing = FIRST_DRAWING

    @cached_property
    def _writer(self) -> SummaryWriter:
        writer = self._events.writer
        writer.add_custom_scalars(layout([COST_NAMES[kind] for kind in self._original]))
        return writer

    def episode(self, episode: Episode) -> None:
        """Write one point of every curve, and pictures where they are due."""
        self._events.write(lambda: self._points(episode))

    def close(
        self,
        episodes: Sequence[Episode],
        best: KeptCounts,
        summary: Mapping[str, Any],
        latencies: Sequence[tuple[float, float]] = (),
        front: Front | None = None,
    ) -> None:
        """Write the pictures of the whole search, the hyperparameters with what they led to, and the summary.

        Args:
            episodes: All of the search, in order.
            best: Units per group that the result keeps.
            summary: The numbers of `summary.json`.
            latencies: Pairs of predicted and measured latency in ms, where the search knew them.
            front: The points of a range of budgets; None for one budget.

        Raises:
            UserError: some events could not be written.
        """

        def write() -> None:
            self._ending(episodes, best, summary, latencies)
            if front is not None:
                self._points_of(front, len(episodes), summary["original_accuracy"])

        self._events.close(write)

    def _points(self, episode: Episode) -> None:
        writer, step = self._writer, episode.index
        self._episodes.append(episode)
        self._best = better(self._best, episode)
        values = {
            "episode/reward": episode.reward,
            "episode/share of the reward images used": episode.outcome.images,
            **{LEARNING.get(name, name): value for name, value in episode.details.items()},
            **self._reached("episode", episode.outcome),
        }
        if self._best is not None:
            values |= {BEST_REWARD: self._best.reward, **self._reached("best so far", self._best.outcome)}
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.add_histogram("episode/sparsity of the groups", 1.0 - episode.kept_counts / self._graph.full, step)
        if self._is_drawing_due(step + 1):
            start = time.perf_counter()
            self._pictures(self._episodes, step)
            self._next_drawing = time.perf_counter() - start
            self._drawing += self._next_drawing

    def _reached(self, prefix: str, outcome: Outcome) -> dict[str, float]:
        scores = {"accuracy": outcome.accuracy} | ({} if outcome.score is None else {"score": outcome.score})
        return {f"{prefix}/{name}": value for name, value in scores.items()} | {
            f"{prefix}/share of {COST_NAMES[kind]} left": getattr(outcome, kind) / whole
            for kind, whole in self._original.items()
        }

    def _is_drawing_due(self, done: int) -> bool:
        passed = time.perf_counter() - self._start
        affordable = self._drawing + self._next_drawing <= DRAWING_SHARE * passed
        return done % self._every == 0 and affordable

    def _pictures(
        self, episodes: Sequence[Episode], step: int, original: float | None = None, kept: int | None = None
    ) -> None:
        for kind, whole in self._original.items():
            figure = charts.accuracy_against_cost(episodes, kind, whole, self._metric, self._uniform, original, kept)
            self._writer.add_figure(f"scatter of accuracy against {COST_NAMES[kind]}", figure, step)
        figure = charts.sparsities(episodes, self._names, self._graph.full, kept)
        self._writer.add_figure("sparsity of every group", figure, step)

    def _ending(
        self,
        episodes: Sequence[Episode],
        best: KeptCounts,
        summary: Mapping[str, Any],
        latencies: Sequence[tuple[float, float]],
    ) -> None:
        step = len(episodes)
        kept = next((each["episode"] for each in summary["finalists"] if each["is_kept"]), None)
        self._pictures(episodes, step, summary["original_accuracy"], kept)
        width = np.array([group.channels_per_unit for group in self._graph.groups])
        uniform = width * self._uniform if len(self._uniform) else ()
        figure = charts.widths(self._names, width * self._graph.full, width * best, uniform)
        self._writer.add_figure("widths of every group", figure, step)
        if latencies:
            figure = charts.predicted_against_measured(latencies)
            self._writer.add_figure("scatter of predicted against measured latency", figure, step)
        for name, value in results(summary).items():
            self._writer.add_scalar(name, value, step)
        for part in hyperparameters(summary["arguments"]):  # add_hparams would open a second file
            self._writer._get_file_writer().add_summary(part)
        self._writer.add_text("summary", f"```json\n{json.dumps(summary, indent=2)}\n```", step)

    def _points_of(self, front: Front, step: int, original: float) -> None:
        for point in front.points:
            self._writer.add_scalar(f"front/accuracy at {point.budget}", point.accuracy, step)
        self._writer.add_figure("front", charts.front_line(front, original), step)

    @property
    def _names(self) -> list[str]:
        return [group.name for group in self._graph.groups]
