"""The exploration of the DDPG agent.

Each exploring episode is a function of the actor's weights, the episodes so far, the seed and the episode's index.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.ddpg.settings import DDPGSettings
from agents.episode import Episode
from agents.exploration import random_policy, truncated_normal
from agents.rules.demonstrations import demonstrations
from agents.surrogate.proposer import Proposer
from amc.graph import KeptCounts
from envs import PruningProblem
from envs.pruning_problem import Act, Trajectory


class Explorer:
    """Decides which policies an agent tries: the actor's with noise, or those that a model expects most of.

    Args:
        problem: The pruning problem that is searched.
        settings: The hyperparameters of the agent.
        warmup: The number of episodes before the actor is trained.
        seed: The seed of everything that is drawn.
        actor: Gives the actor's sparsity for an observation and the feasible interval.
        begins_trained: Whether the agent was trained elsewhere, so that its first policy is the actor's.
    """

    def __init__(
        self,
        problem: PruningProblem,
        settings: DDPGSettings,
        warmup: int,
        seed: int,
        actor: Act,
        *,
        begins_trained: bool,
    ) -> None:
        self._problem = problem
        self._settings = settings
        self._warmup = warmup
        self._seed = seed
        self._actor = actor
        self._begins_trained = begins_trained
        self._first: list[KeptCounts] | None = None
        self._proposer = Proposer(problem)

    def remember(self, episode: Episode) -> None:
        """Remember a scored episode, from which the model learns."""
        self._proposer.remember(episode)

    def sigma(self, episode: int) -> float:
        """The deviation of the exploration noise in an episode: held during the warm-up, then decaying."""
        return self._settings.sigma * self._settings.sigma_decay ** max(0, episode - self._warmup)

    def trajectory(self, index: int, pending: Sequence[KeptCounts] = ()) -> Trajectory:
        """The exploring episode number `index`, which is scored together with the policies that are `pending`."""
        rng = np.random.default_rng((self._seed, index))
        if index == 0 and self._begins_trained:
            return self._problem.rollout(self._actor)
        if not self._settings.surrogate:
            sigma = self.sigma(index)
            return self._problem.rollout(
                lambda observation, interval: truncated_normal(rng, self._actor(observation, interval), sigma, 0, 1)
            )
        return self._problem.trajectories([self._policy(rng, index, pending)])[0]

    def _policy(self, rng: np.random.Generator, index: int, pending: Sequence[KeptCounts]) -> KeptCounts:
        """The policy of an episode: a demonstration, then random ones, then what the model expects most of."""
        if self._first is None:
            self._first = demonstrations(self._problem)
        place = index - self._begins_trained
        if place < len(self._first):
            return self._first[place]
        if place < len(self._first) + self._settings.random_policies or not self._proposer.is_ready:
            return random_policy(rng, self._problem.budgets)
        actors = [] if index < self._warmup else [self._problem.rollout(self._actor).kept_counts]
        return self._proposer.propose(rng, actors, pending)
