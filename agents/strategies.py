"""The search strategies by name, and two of them: DDPG and random policies.

Both draw policies at random, and so do the algorithms of Stable-Baselines3 (`agents.sb3`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from torch import Tensor

from agents.black_box.cma_es import CmaEs
from agents.black_box.evolution import Evolution
from agents.black_box.level_swaps import LevelSwaps
from agents.ddpg.episodic_ddpg import EpisodicDDPG
from agents.ddpg.prior import NOTHING, Prior
from agents.ddpg.settings import PRESETS, DDPGSettings
from agents.episode import Past
from agents.exploration import random_policy, warmup_of
from agents.rules import RULES
from agents.sb3 import ALGORITHMS, PREFIX, Algorithm, StableBaselines, check_algorithm
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.graph import KeptCounts
from amc.utils.errors import UserError
from amc.utils.registry import look_up, name_of, resolve
from envs import PruningProblem


class Random(Strategy):
    """Random policies within the budget, after the problem's start if there is one; `round_size` are scored at once."""

    takes_start: ClassVar[bool] = True

    def __init__(self, round_size: int = 1) -> None:
        self._round_size = round_size

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        """Score random policies until there are `episodes`, those of `past` included.

        Raises:
            UserError: The past is of another search.
        """
        score = Scores(problem, on_episode, past, race=True)
        for start in range(0, episodes, self._round_size):
            indices = range(start, min(start + self._round_size, episodes))
            score.all([_random(problem, seed, each) for each in indices])


def _random(problem: PruningProblem, seed: int, index: int) -> KeptCounts:
    if index == 0 and problem.start is not None:
        return problem.start
    return random_policy(np.random.default_rng((seed, index)), problem.budgets)


class Ddpg(Strategy):
    """The DDPG agent of AMC (He et al. 2018) as a strategy.

    Args:
        settings: The hyperparameters.
        round_size: Episodes that one actor decides on before they are scored together.
        prior: What the agent knows from elsewhere.

    Attributes:
        agent: The trained agent once a search has begun; None before.
    """

    takes_start: ClassVar[bool] = True
    takes_drawn_budgets = True

    def __init__(
        self,
        settings: DDPGSettings,
        round_size: int = 1,
        prior: Prior = NOTHING,
    ) -> None:
        self.settings = settings
        self._prior = prior
        self._round_size = round_size
        self.agent: EpisodicDDPG | None = None

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        """Train an agent until it has scored `episodes` policies, those of `past` included.

        Raises:
            UserError: The past is of another agent.
        """
        self.agent = EpisodicDDPG(
            problem,
            self.settings,
            self._warmup(past.begun_with or episodes),
            seed,
            on_episode,
            round_size=self._round_size,
            prior=self._prior,
        )
        if past.episodes:
            self.agent.restore(past)
        self.agent.search(episodes)

    def _warmup(self, episodes: int) -> int:
        """The number of episodes before the actor is trained."""
        warmup = warmup_of(episodes)
        return min(warmup, 2 * self.settings.random_policies) if self.settings.surrogate else warmup

    def expected_best(self, problem: PruningProblem) -> KeptCounts:
        """The policy `(groups,)` of which the agent expects most at a problem's budgets, without scoring any."""
        assert self.agent is not None, "it has searched"
        return self.agent.explorer.expected_best(problem)

    def state(self) -> dict[str, Tensor]:
        """The agent's networks, optimisers, replay and baseline, as tensors by name; none before a search."""
        return self.agent.state() if self.agent else {}


MakeStrategy = Callable[[DDPGSettings, int], Strategy]
"""A function that makes a strategy, of an agent's settings and the number of policies that are scored together."""


def _stable_baselines(algorithm: Algorithm) -> MakeStrategy:
    return lambda _, round_size: StableBaselines(algorithm, round_size)


STRATEGIES: dict[str, MakeStrategy] = {
    "ddpg": lambda settings, round_size: Ddpg(settings, round_size=round_size),
    "random": lambda _, round_size: Random(round_size),
    "evolution": lambda _, round_size: Evolution(round_size),
    "cma-es": lambda *_: CmaEs(),
    "swaps": lambda *_: LevelSwaps(),
    **{name: lambda *_, make=make: make() for name, make in RULES.items()},
    **{f"{PREFIX}{name}": _stable_baselines(algorithm) for name, algorithm in ALGORITHMS.items()},
}
"""The strategies by name."""


def make_strategy(given: str | Strategy | MakeStrategy, settings: str = "tuned", round_size: int = 1) -> Strategy:
    """The strategy that a user asks for.

    Args:
        given: A name in `STRATEGIES`, `path/to/file.py:function`, or from Python a strategy or a function that makes
            one.
        settings: The name of the settings of an agent.
        round_size: How many policies the strategy decides on before they are scored, where it can.

    Raises:
        UserError: An unknown strategy or unknown settings, no such function, or one that fails or makes no strategy.
    """
    if isinstance(given, Strategy):
        return given
    if isinstance(given, str) and given.startswith(PREFIX):
        check_algorithm(given.removeprefix(PREFIX))
    strategy = resolve("strategy", given, STRATEGIES)(look_up("settings", settings, PRESETS), round_size)
    if not isinstance(strategy, Strategy):
        raise UserError(f"strategy {name_of(given)} made {strategy!r}, which is no agents.strategy.Strategy")
    return strategy
