"""Episodes and whole runs that were made up, for charts and reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.episode import Episode
from agents.report.compared_runs import ComparedRun
from agents.report.run_record import GroupShape, RunRecord
from agents.report.run_result import RunResult
from agents.report.run_summary import Interval, RunSources, RunSummary
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


def compared_run(name: str, test: float = 0.8, ended: bool = True, **changes: Any) -> ComparedRun:
    """A run among others, with 0.9 on reward images and `test` on test images, where uniform has 0.85 and 0.75."""
    record = record_of(6, **changes)
    width = [group.width for group in record.groups]
    costs = {kind: whole / 2 for kind, whole in record.whole.items()}
    if not ended:
        return ComparedRun(name, record, RunResult(costs, {"found": (0.9,)}, width, width))
    gain = test - 0.75
    summary = RunSummary(
        original_accuracy=0.95,
        uniform_accuracy=0.85,
        policy_accuracy=0.9,
        test_accuracy_original=0.95,
        test_accuracy_uniform=0.75,
        test_accuracy_policy=test,
        macs_after=500,
        params_after=50,
        memory_after=200,
        episodes=6,
        wall_seconds=1.0,
        arguments=RunSources("net", "digits", "top1"),
        test_difference_to_uniform=Interval(gain, gain - 0.01, gain + 0.01),
    )
    scores = {"original": (0.95, 0.95), "uniform": (0.85, 0.75), "found": (0.9, test)}
    return ComparedRun(name, dataclasses.replace(record, summary=summary), RunResult(costs, scores, width, width))
