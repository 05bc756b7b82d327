"""The search strategies behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from torch import Tensor

from agents.ddpg import EpisodicDDPG
from agents.exploration import random_policy
from agents.result import Episode, Past
from agents.settings import DDPGSettings
from amc.graph import Keeps
from envs import ChannelPruningEnv

OnEpisode = Callable[[Episode], None]
NOTHING = Past()


class Strategy(Protocol):
    """Searches in an environment and tells of every scored policy."""

    def search(
        self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """Score policies until there are `episodes` at the most, those of `past` included.

        Raises:
            ValueError: a past of another search.
        """

    def state(self) -> dict[str, Tensor]:
        """What it knows when it tells of an episode, besides the episodes: what `Past` holds for it to go on."""


class _Stateless:
    """A strategy that knows nothing but the number of the next episode."""

    def state(self) -> dict[str, Tensor]:
        """See `Strategy`."""
        return {}


class Uniform(_Stateless):
    """One common sparsity, the smallest that fits; the steps left go out in forward order. There is only one policy."""

    def search(
        self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """See `Strategy`."""
        del seed
        for index in range(len(past.episodes), min(episodes, 1)):
            on_episode(play(env, env.budgets.scale(np.ones(len(env.graph.groups))), index))


class Random(_Stateless):
    """Policies as DDPG's warm-up draws them."""

    def search(
        self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """See `Strategy`."""
        for index in range(len(past.episodes), episodes):
            on_episode(play(env, random_policy(np.random.default_rng((seed, index)), env.budgets), index))


class Fixed(_Stateless):
    """One given policy, counts of units as they are: `keeps` `(groups,)`."""

    def __init__(self, keeps: Keeps) -> None:
        self.keeps = keeps

    def search(
        self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """See `Strategy`."""
        del seed
        for index in range(len(past.episodes), min(episodes, 1)):
            on_episode(Episode(index, self.keeps, *env.score(self.keeps)))


class Ddpg:
    """DDPG with the given settings; `agent` is the trained agent once a search has begun.

    `start` are the weights of an agent that was trained elsewhere, see `EpisodicDDPG`.
    """

    def __init__(self, settings: DDPGSettings, start: Mapping[str, Tensor] | None = None) -> None:
        self.settings = settings
        self.agent: EpisodicDDPG | None = None
        self._start = start

    def search(
        self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """See `Strategy`."""
        warmup = min(100, episodes // 4)
        self.agent = EpisodicDDPG(env, self.settings, warmup, seed, on_episode, start=self._start)
        if past.episodes:
            self.agent.restore(past)
        self.agent.search(episodes)

    def state(self) -> dict[str, Tensor]:
        """See `Strategy`."""
        return self.agent.state() if self.agent else {}


def play(env: ChannelPruningEnv, keeps: Keeps, index: int) -> Episode:
    """Feed a whole policy back as actions."""
    env.reset()
    for sparsity in env.sparsities(keeps):
        _, reward, _, _, info = env.step(np.array([sparsity], dtype=np.float32))
    return Episode(index, info["keeps"], reward, info["outcome"])


STRATEGIES: dict[str, Callable[[DDPGSettings], Strategy]] = {
    "ddpg": Ddpg,
    "uniform": lambda _: Uniform(),
    "random": lambda _: Random(),
}
"""Strategies by name; only an agent has use for settings."""
