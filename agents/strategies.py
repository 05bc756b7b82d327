"""The search strategies behind one interface, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from agents.ddpg import EpisodicDDPG
from agents.exploration import random_policy
from agents.result import Past
from agents.rules import RULES
from agents.settings import DDPGSettings
from agents.strategy import NOTHING, OnEpisode, Scores, Strategy
from envs import ChannelPruningEnv


class Random(Strategy):
    """Policies as DDPG's warm-up draws them."""

    def search(
        self, env: ChannelPruningEnv, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """See `Strategy`."""
        score = Scores(env, on_episode, past)
        for index in range(episodes):
            score(random_policy(np.random.default_rng((seed, index)), env.budgets))


class Ddpg(Strategy):
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


STRATEGIES: dict[str, Callable[[DDPGSettings], Strategy]] = {
    "ddpg": Ddpg,
    "random": lambda _: Random(),
    **{name: lambda _, make=make: make() for name, make in RULES.items()},  # type: ignore[misc]
}
"""Strategies by name; only an agent has use for settings."""
