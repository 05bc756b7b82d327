"""The replay of whole episodes, which also knows which actions were feasible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from torch import Tensor

HELD = ("observations", "actions", "intervals", "rewards", "next_observations", "next_intervals", "dones")
"""The names of the replay's arrays, which have a row for each transition."""


class Transitions(NamedTuple):
    """A batch of `n` transitions; actions and their intervals are in [-1, 1], as Stable-Baselines3 scales them.

    Attributes:
        observations: What the agent saw before each step, `(n, features)`.
        actions: The actions that were executed, `(n, 1)`.
        intervals: The least and the largest feasible action, `(n, 2)`.
        rewards: The reward of the whole episode that each step belongs to, `(n, 1)`.
        next_observations: What the agent saw after each step, `(n, features)`.
        next_intervals: The feasible actions after each step, `(n, 2)`.
        dones: 1 at the last step of an episode, else 0, `(n, 1)`.
    """

    observations: Tensor
    actions: Tensor
    intervals: Tensor
    rewards: Tensor
    next_observations: Tensor
    next_intervals: Tensor
    dones: Tensor


def drawn_steps(lessons: Sequence[Transitions], rng: np.random.Generator, count: int) -> Transitions:
    """A batch of `count` transitions of one of the lessons, both drawn by the generator `rng`."""
    steps = lessons[int(rng.integers(len(lessons)))]
    places = torch.from_numpy(rng.integers(0, len(steps.rewards), size=count))
    return Transitions(*(column[places] for column in steps))


def joined(*batches: Transitions) -> Transitions:
    """The transitions of several batches as one."""
    return Transitions(*map(torch.cat, zip(*batches, strict=True)))


class EpisodeReplay(ReplayBuffer):
    """Stable-Baselines3's replay with the feasible interval of each action.

    Episodes are added whole, since their reward is known only at the end, and drawn by a given generator.
    """

    def __init__(self, buffer_size: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(buffer_size, *args, **kwargs)
        self.intervals = np.zeros((self.buffer_size, 2), dtype=np.float32)
        self.next_intervals = np.zeros((self.buffer_size, 2), dtype=np.float32)

    def add_episode(
        self,
        observations: NDArray[np.float32],
        actions: NDArray[np.float32],
        intervals: NDArray[np.float32],
        reward: float,
    ) -> None:
        """Add the `n` steps of an episode, each with the reward of the whole.

        Args:
            observations: What the agent saw before each step and after the last, `(n + 1, features)`.
            actions: The executed actions in [-1, 1], `(n,)`.
            intervals: The feasible actions in [-1, 1] before each step and after the last, `(n + 1, 2)`.
            reward: The reward of the episode.
        """
        steps = len(actions)
        for step in range(steps):
            self.intervals[self.pos] = intervals[step]
            self.next_intervals[self.pos] = intervals[step + 1]
            done = np.array([step == steps - 1])
            self.add(
                observations[step], observations[step + 1], actions[step : step + 1], np.array([reward]), done, [{}]
            )

    def columns(self) -> dict[str, Tensor]:
        """Copies of all arrays by name, and the place of the next transition as `position`."""
        held = {name: torch.as_tensor(getattr(self, name)[: self.size()].copy()) for name in HELD}
        return held | {"position": torch.tensor(self.pos)}

    def restore(self, columns: Mapping[str, Tensor]) -> None:
        """Take over the contents that `columns` gave of a replay of the same size.

        Raises:
            ValueError: Columns that do not fit.
            KeyError: Columns that are missing.
        """
        for name in HELD:
            held, column = getattr(self, name), columns[name].numpy()
            if len(column) > self.buffer_size or column.shape[1:] != held.shape[1:] or column.dtype != held.dtype:
                raise ValueError(f"a replay of {held.shape} can't hold {name} {column.shape}")
            held[: len(column)] = column
        self.pos = int(columns["position"])
        self.full = len(columns[HELD[0]]) == self.buffer_size

    def reward_deviation(self) -> float:
        """The standard deviation of the rewards in the replay."""
        return float(self.rewards[: self.size()].std())

    def draw(self, rng: np.random.Generator, batch: int) -> Transitions:
        """A batch of `batch` transitions, drawn with replacement by the generator `rng`."""
        places = rng.integers(0, self.size(), size=batch)
        columns = (
            self.observations[places, 0],
            self.actions[places, 0],
            self.intervals[places],
            self.rewards[places],
            self.next_observations[places, 0],
            self.next_intervals[places],
            self.dones[places],
        )
        return Transitions(*(torch.as_tensor(column, device=self.device) for column in columns))
