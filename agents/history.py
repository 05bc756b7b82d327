"""Conversion of episodes into columns of numbers, which a file can hold, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from agents.episode import Episode
from envs.rewards import Outcome

KEPT_COUNTS, REWARD, STAGE, DETAIL = "keeps", "reward", "stage", "detail."
OUTCOME = {
    "accuracy": torch.float64,
    "macs": torch.int64,
    "params": torch.int64,
    "budget_use": torch.float64,
    "within_budget": torch.bool,
    "latency": torch.float64,
    "memory": torch.int64,
    "images": torch.float64,
}
SCORE = "score"


def to_columns(episodes: Sequence[Episode], groups: int) -> dict[str, Tensor]:
    """The episodes as tensors by name: kept counts `(episodes, groups)`, every other number `(episodes,)`.

    Details that an episode lacks are NaN.
    """
    kept_counts = [torch.as_tensor(episode.kept_counts) for episode in episodes]
    columns = {
        KEPT_COUNTS: torch.stack(kept_counts) if kept_counts else torch.zeros(0, groups, dtype=torch.int64),
        REWARD: torch.tensor([episode.reward for episode in episodes], dtype=torch.float64),
        STAGE: torch.tensor([episode.stage for episode in episodes], dtype=torch.int64),
    }
    for name, dtype in OUTCOME.items():
        columns[name] = torch.tensor([getattr(episode.outcome, name) for episode in episodes], dtype=dtype)
    scores = [episode.outcome.score for episode in episodes]
    if any(score is not None for score in scores):
        known = [float("nan") if score is None else score for score in scores]
        columns[SCORE] = torch.tensor(known, dtype=torch.float64)
    for name in dict.fromkeys(name for episode in episodes for name in episode.details):
        values = [episode.details.get(name, float("nan")) for episode in episodes]
        columns[f"{DETAIL}{name}"] = torch.tensor(values, dtype=torch.float64)
    return columns


def from_columns(columns: Mapping[str, Tensor]) -> tuple[Episode, ...]:
    """The episodes that `to_columns` was given.

    Raises:
        ValueError: A column is missing, or has another length or type.
    """
    for name, dtype in {KEPT_COUNTS: torch.int64, REWARD: torch.float64, STAGE: torch.int64, **OUTCOME}.items():
        if name not in columns:
            raise ValueError(f"{name!r} is missing")
        if columns[name].dtype != dtype:
            raise ValueError(f"{name!r}: expected {dtype}, got {columns[name].dtype}")
    if columns[KEPT_COUNTS].ndim != 2:
        raise ValueError(f"'keeps': expected a row per episode, got shape {list(columns[KEPT_COUNTS].shape)}")
    count = len(columns[KEPT_COUNTS])
    for name, column in columns.items():
        if name != KEPT_COUNTS and column.shape != (count,):
            raise ValueError(f"{name!r}: expected {count} numbers, got shape {list(column.shape)}")
    details = {
        name.removeprefix(DETAIL): column.tolist() for name, column in columns.items() if name.startswith(DETAIL)
    }
    kept_counts = columns[KEPT_COUNTS].numpy()
    numbers: dict[str, list[Any]] = {name: columns[name].tolist() for name in (REWARD, STAGE, *OUTCOME)}
    scores = columns[SCORE].tolist() if SCORE in columns else [float("nan")] * count
    numbers[SCORE] = [None if math.isnan(score) else score for score in scores]
    return tuple(
        Episode(
            index=index,
            kept_counts=kept_counts[index],
            reward=numbers[REWARD][index],
            outcome=Outcome(**{name: numbers[name][index] for name in (*OUTCOME, SCORE)}),
            details={name: values[index] for name, values in details.items() if values[index] == values[index]},
            stage=numbers[STAGE][index],
        )
        for index in range(count)
    )
