"""The strategy that searches by any algorithm of Stable-Baselines3."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from agents.episode import Episode, Past
from agents.exploration import warmup_of
from agents.round_vec_env import RoundVecEnv
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.graph import KeptCounts
from amc.utils.errors import UserError
from envs import PruningProblem

Algorithm = type[OnPolicyAlgorithm] | type[OffPolicyAlgorithm]

PREFIX = "sb3:"
ALGORITHMS: dict[str, Algorithm] = {"A2C": A2C, "DDPG": DDPG, "DQN": DQN, "PPO": PPO, "SAC": SAC, "TD3": TD3}
"""The algorithms by name: policy gradient (A2C, PPO), actor and critic (DDPG, SAC, TD3) and Q-learning (DQN)."""
LEVELS = 11
"""The number of sparsities that Q-learning chooses from."""

NOISE = 0.3
"""The standard deviation of the noise that explores around a deterministic actor's action, in [-1, 1]."""
EXPLORING = 0.5
"""The share of a search during which Q-learning chooses at random, ever more seldom."""
EPISODES_PER_UPDATE = 8
"""The least number of episodes that an on-policy algorithm collects before it learns."""


def check_algorithm(name: str) -> None:
    """Raise a UserError unless `ALGORITHMS` has the algorithm `name`."""
    if name not in ALGORITHMS:
        raise UserError(f"expected an algorithm of Stable-Baselines3, {', '.join(ALGORITHMS)}; got {name!r}")


class StableBaselines(Strategy):
    """An algorithm of Stable-Baselines3 as a strategy, which learns on the pruning environment.

    The algorithm decides by nothing but its seed and the scores. A search that is resumed therefore begins again, and
    looks up the scores of the past.

    Args:
        algorithm: A class such as `stable_baselines3.SAC`, or one of a library that builds on Stable-Baselines3.
        round_size: The number of episodes that run side by side, and whose policies are scored together.
        callback: A callback that Stable-Baselines3 calls while the algorithm learns; it can end the search.
        logger: The logger of the algorithm; none by default.
        settings: Arguments of the algorithm, in place of `default_settings`.

    Attributes:
        agent: The algorithm once a search has begun; None before.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        round_size: int = 1,
        callback: BaseCallback | None = None,
        logger: Logger | None = None,
        **settings: Any,
    ) -> None:
        self.agent: OnPolicyAlgorithm | OffPolicyAlgorithm | None = None
        self._algorithm = algorithm
        self._round_size = round_size
        self._callback = callback
        self._logger = logger
        self._settings = settings

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        """Let the algorithm learn until `episodes` policies are scored, those of `past` included."""
        scores = Scores(problem, on_episode, past, race=True)

        def score(policies: Sequence[KeptCounts]) -> list[Episode]:
            return scores.episodes(policies[: episodes - scores.count], self._losses())

        steps = len(problem.graph.groups)
        begun_with = past.begun_with or episodes
        settings = default_settings(self._algorithm, steps, episodes, self._round_size, begun_with) | self._settings
        levels = LEVELS if issubclass(self._algorithm, DQN) else None
        monitored = VecMonitor(RoundVecEnv(problem, self._round_size, score, levels))
        env = VecNormalize(monitored, norm_obs=False, gamma=1.0)  # over the deviation of all steps, most of which get 0
        self.agent = self._algorithm("MlpPolicy", env, seed=seed, device="cpu", **settings)
        if self._logger is not None:
            self.agent.set_logger(self._logger)
        callbacks: list[BaseCallback] = [_While(lambda: scores.count < episodes)]
        if self._callback is not None:
            callbacks.append(self._callback)
        rounds = -(-episodes // self._round_size)
        self.agent.learn(rounds * self._round_size * steps, callbacks)

    def _losses(self) -> dict[str, float]:
        """The numbers that the last update logged, by name."""
        assert self.agent is not None, "the search has begun"
        logged = self.agent.logger.name_to_value
        return {name: float(value) for name, value in logged.items() if name.startswith("train/")}


def default_settings(
    algorithm: Algorithm, steps: int, episodes: int, round_size: int, begun_with: int
) -> dict[str, Any]:
    """The arguments of an algorithm that searches `episodes` episodes of `steps` steps, `round_size` side by side.

    It explores as in the search of `begun_with` episodes that it goes on from.
    Stable-Baselines3's own are for millions of steps. Here an algorithm learns after whole rounds, and the only reward,
    that of the last step, counts undiscounted for all steps.
    """
    if issubclass(algorithm, OnPolicyAlgorithm):
        rollout = steps * -(-EPISODES_PER_UPDATE // round_size)
        settings: dict[str, Any] = {"n_steps": rollout, "gamma": 1.0, "batch_size": rollout * round_size}
    else:
        rounds_begun_with, rounds = (-(-count // round_size) for count in (begun_with, episodes))
        settings = {
            "buffer_size": (episodes + round_size) * steps,
            "learning_starts": warmup_of(begun_with) * steps,
            "train_freq": (steps, "step"),
            "gradient_steps": -1,  # as many as steps were taken
            "batch_size": 64,
            "learning_rate": 1e-3,
            "gamma": 1.0,
            "n_steps": steps,  # what a step leads to is what the episode ends with
            "ent_coef": "auto_0.1",  # of algorithms that are rewarded for entropy
            "exploration_fraction": EXPLORING * rounds_begun_with / rounds,  # of those that choose at random at times
            "target_update_interval": 4 * steps,
        }
        if issubclass(algorithm, TD3):  # DDPG is one, too
            settings["action_noise"] = NormalActionNoise(np.zeros(1), np.full(1, NOISE))
    known = inspect.signature(algorithm).parameters
    return {name: value for name, value in settings.items() if name in known}


class _While(BaseCallback):
    """A callback that ends learning when a condition no longer holds."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        super().__init__()
        self._condition = condition

    def _on_step(self) -> bool:
        return self._condition()
