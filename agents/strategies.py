"""The search strategies behind one interface, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.ddpg.settings import PRESETS, DDPGSettings
from agents.exploration import random_policy, warmup_of
from agents.result import Past
from agents.rules import RULES
from agents.sb3 import ALGORITHMS, PREFIX, Algorithm, StableBaselines, check_algorithm
from agents.strategy import NOTHING, OnEpisode, Scores, Strategy
from amc.utils.registry import look_up
from envs import PruningProblem


class Random(Strategy):
    """Policies as DDPG's warm-up draws them, `round_size` of them scored at once."""

    def __init__(self, round_size: int = 1) -> None:
        self._together = round_size

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """See `Strategy`."""
        score = Scores(problem, on_episode, past)
        for start in range(0, episodes, self._together):
            indices = range(start, min(start + self._together, episodes))
            score.all(
                [random_policy(np.random.default_rng((seed, each)), problem.budgets) for each in indices], race=True
            )


class Ddpg(Strategy):
    """DDPG with the given settings; `agent` is the trained agent once a search has begun.

    `start` are the weights of an agent that was trained elsewhere, see `EpisodicDDPG`; `round_size` episodes are run by
    one actor and scored at once.
    """

    def __init__(self, settings: DDPGSettings, start: Mapping[str, Tensor] | None = None, round_size: int = 1) -> None:
        self.settings = settings
        self._together = round_size
        self.agent: EpisodicDDPG | None = None
        self._start = start

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """See `Strategy`."""
        self.agent = EpisodicDDPG(
            problem, self.settings, warmup_of(episodes), seed, on_episode, start=self._start, round_size=self._together
        )
        if past.episodes:
            self.agent.restore(past)
        self.agent.search(episodes)

    def state(self) -> dict[str, Tensor]:
        """See `Strategy`."""
        return self.agent.state() if self.agent else {}


def _stable_baselines(algorithm: Algorithm) -> Callable[[DDPGSettings, int], Strategy]:
    return lambda _, round_size: StableBaselines(algorithm, round_size)


STRATEGIES: dict[str, Callable[[DDPGSettings, int], Strategy]] = {
    "ddpg": lambda settings, round_size: Ddpg(settings, round_size=round_size),
    "random": lambda _, round_size: Random(round_size),
    **{name: lambda *_, make=make: make() for name, make in RULES.items()},
    **{f"{PREFIX}{name}": _stable_baselines(algorithm) for name, algorithm in ALGORITHMS.items()},
}
"""Strategies by name, of an agent's settings and the number of policies that are scored together."""


def make_strategy(name: str, settings: str = "tuned", round_size: int = 1) -> Strategy:
    """The strategy of that name; where it may, it decides on `round_size` policies before they are scored.

    Raises:
        UserError: unknown strategy or settings.
    """
    if name.startswith(PREFIX):
        check_algorithm(name.removeprefix(PREFIX))
    return look_up("strategy", name, STRATEGIES)(look_up("settings", settings, PRESETS), round_size)
