"""Episodes and whole runs that were made up, for charts and reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.episode import Episode
from agents.report.run_record import GroupShape, RunRecord
from envs.rewards import Outcome


def episode(index: int, macs: int, accuracy: float, kept_counts: Sequence[int] = (8, 4)) -> Episode:
    return Episode(index, np.array(kept_counts), accuracy - 1, Outcome(accuracy, macs, 2 * macs, 1.0))


def over_budget(episode: Episode) -> Episode:
    return dataclasses.replace(episode, outcome=dataclasses.replace(episode.outcome, within_budget=False))


def some_episodes() -> list[Episode]:
    return [
        episode(0, 400, 0.5, (4, 2)),
        episode(1, 300, 0.6, (2, 2)),
        episode(2, 500, 0.9, (6, 1)),
        episode(3, 300, 0.4, (8, 1)),
    ]


def record_of(episodes: int, layers: int = 3, **changes: Any) -> RunRecord:
    """A run that was made up."""
    rng = np.random.default_rng(0)
    made = [
        Episode(index, rng.integers(1, 9, layers), -rng.random(), Outcome(rng.random(), int(macs), 50, 1.0, memory=200))
        for index, macs in enumerate(rng.integers(100, 500, episodes))
    ]
    record = RunRecord(
        folder=Path("run"),
        program="train",
        words=("--seed", "3"),
        model="net",
        strategy="random",
        seed=3,
        budget=("macs=0.5",),
        metric="top1",
        stages=(("macs=0.5",),),
        groups=tuple(GroupShape(f"layers.{index}", 16, 8) for index in range(layers)),
        whole={"macs": 1000, "params": 100, "memory": 400},
        uniform=(4,) * layers,
        asked=max(episodes, 10),
        seconds=3.0,
        episodes=tuple(made),
        policy=None,
        summary=None,
    )
    return dataclasses.replace(record, **changes)
