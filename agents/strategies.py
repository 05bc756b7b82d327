"""The search strategies behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from agents.ddpg import EpisodicDDPG
from agents.exploration import random_policy
from agents.result import Episode
from agents.settings import DDPGSettings
from amc.graph import Keeps
from envs import ChannelPruningEnv

OnEpisode = Callable[[Episode], None]


class Strategy(Protocol):
    """Searches in an environment and tells of every scored policy; only an agent has use for settings."""

    def __init__(self, settings: DDPGSettings) -> None: ...

    def search(self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode) -> None:
        """Score `episodes` policies at the most."""


class Uniform:
    """One common sparsity, the smallest that fits; the steps left go out in forward order. There is only one policy."""

    def __init__(self, settings: DDPGSettings) -> None:
        del settings

    def search(self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode) -> None:
        """See `Strategy`."""
        del seed
        for index in range(min(episodes, 1)):
            on_episode(play(env, env.budgets.scale(np.ones(len(env.graph.groups))), index))


class Random:
    """Policies as DDPG's warm-up draws them."""

    def __init__(self, settings: DDPGSettings) -> None:
        del settings

    def search(self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode) -> None:
        """See `Strategy`."""
        for index in range(episodes):
            on_episode(play(env, random_policy(np.random.default_rng((seed, index)), env.budgets), index))


class Ddpg:
    """DDPG with a preset's settings; `agent` is the trained agent once a search has begun."""

    def __init__(self, settings: DDPGSettings) -> None:
        self.settings = settings
        self.agent: EpisodicDDPG | None = None

    def search(self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode) -> None:
        """See `Strategy`."""
        warmup = min(100, episodes // 4)
        self.agent = EpisodicDDPG(env, self.settings, warmup, seed, on_episode)
        self.agent.learn(total_timesteps=episodes * self.agent.steps)


def play(env: ChannelPruningEnv, keeps: Keeps, index: int) -> Episode:
    """Feed a whole policy back as actions."""
    env.reset()
    for sparsity in env.sparsities(keeps):
        _, reward, _, _, info = env.step(np.array([sparsity], dtype=np.float32))
    return Episode(index, info["keeps"], reward, info["outcome"])


STRATEGIES: dict[str, type[Strategy]] = {"ddpg": Ddpg, "uniform": Uniform, "random": Random}
"""Strategies by name."""
