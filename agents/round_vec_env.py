"""The environments of a round of episodes, as a vector of environments of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from agents.episode import Episode
from amc.graph import KeptCounts
from envs import ChannelPruningEnv, PruningProblem

ScoreRound = Callable[[Sequence[KeptCounts]], Sequence[Episode]]
"""A function that scores the policies of a round and gives their episodes, in order."""


class RoundVecEnv(DummyVecEnv):
    """Environments of one pruning problem whose policies are scored together.

    All episodes have a step for each channel group, so they end together. An action is in [-1, 1], as
    Stable-Baselines3's Gaussian policies want it, and stands for the sparsity `(action + 1) / 2`; or it is one of a few
    sparsities, equally far apart from 0 to 1, as Q-learning wants it.

    Args:
        problem: The pruning problem that is searched.
        round_size: The number of environments.
        levels: The number of sparsities to choose from; None for all in [0, 1].
        score: Scores the policies of a round, in order. When it returns fewer episodes than there are policies, as at
            the end of a search, the others get the reward 0.
    """

    def __init__(self, problem: PruningProblem, round_size: int, score: ScoreRound, levels: int | None = None) -> None:
        super().__init__([partial(ChannelPruningEnv, problem)] * round_size)
        self._round = cast(list[ChannelPruningEnv], self.envs)
        self._levels = levels
        self.action_space = spaces.Discrete(levels) if levels else spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._score = score

    def step_wait(self) -> VecEnvStepReturn:
        """Decide the next group of each policy; after the last group, score all policies and begin anew."""
        sparsities = self.actions / (self._levels - 1) if self._levels else (self.actions + 1.0) / 2.0
        infos = [env.decide(sparsity) for env, sparsity in zip(self._round, sparsities, strict=True)]
        observations = np.stack([env.policy.observe() for env in self._round])
        rewards = np.zeros(self.num_envs, dtype=np.float32)
        done = self._round[0].policy.complete
        if done:
            for info, observation in zip(infos, observations, strict=True):
                info["terminal_observation"] = observation
            for place, episode in enumerate(self._score([info["kept_counts"] for info in infos])):
                rewards[place] = episode.reward
                infos[place]["outcome"] = episode.outcome
            observations = np.asarray(self.reset())
        return observations, rewards, np.full(self.num_envs, done), infos
