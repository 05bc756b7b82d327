"""The exploration of the DDPG agent.

Each exploring episode is a function of the actor's and the critic's weights, the best policy so far, the seed and the
episode's index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from agents.ddpg.settings import DDPGSettings
from agents.episode import Episode, better
from agents.exploration import random_policy, truncated_normal, varied_policies
from amc.graph import KeptCounts
from envs import PruningProblem
from envs.pruning_problem import Act, Trajectory

GOLDEN = (5**0.5 - 1) / 2
"""The golden ratio less 1: its multiples, without their whole parts, are spread evenly over [0, 1]."""

Values = Callable[[Sequence[Trajectory]], NDArray[np.float64]]
"""A function that gives the critic's expectation of the reward of whole policies, `(trajectories,)`."""


class Explorer:
    """Decides which policies an agent tries, around those of its actor and the best one so far.

    Args:
        problem: The pruning problem that is searched.
        settings: The hyperparameters of the agent.
        warmup: The number of episodes before the actor is trained, in which a new agent draws policies at random.
        seed: The seed of everything that is drawn.
        actor: Gives the actor's sparsity for an observation and the feasible interval.
        values: Gives the critic's expectation of whole policies.
        begins_trained: Whether the agent was trained elsewhere, so that its first policy is the actor's.

    Attributes:
        best: The best episode so far; None before the first.
    """

    def __init__(
        self,
        problem: PruningProblem,
        settings: DDPGSettings,
        warmup: int,
        seed: int,
        actor: Act,
        values: Values,
        *,
        begins_trained: bool,
    ) -> None:
        self.best: Episode | None = None
        self._known: set[bytes] = set()  # kept counts of all episodes so far
        self._problem = problem
        self._settings = settings
        self._warmup = warmup
        self._seed = seed
        self._actor = actor
        self._values = values
        self._begins_trained = begins_trained
        self._groups = len(problem.graph.groups)

    def remember(self, episode: Episode) -> None:
        """Remember a scored episode: later policies are varied from the best one, and differ from all."""
        self.best = better(self.best, episode)
        self._known.add(episode.kept_counts.tobytes())

    def sigma(self, episode: int) -> float:
        """The deviation of the exploration noise in an episode: held during the warm-up, then decaying."""
        decayed = self._settings.sigma * self._settings.sigma_decay ** max(0, episode - self._warmup)
        return max(decayed, self._settings.sigma_least)

    def trajectory(self, index: int) -> Trajectory:
        """The exploring episode number `index`, which is still to be scored."""
        rng = np.random.default_rng((self._seed, index))
        if index == 0 and self._begins_trained:
            return self._problem.rollout(self._actor)
        if not self._settings.whole_policies:
            sigma = self.sigma(index)
            return self._problem.rollout(
                lambda observation, interval: truncated_normal(rng, self._actor(observation, interval), sigma, 0, 1)
            )
        trajectories = self._problem.trajectories(self._candidates(rng, index))
        return trajectories[0] if len(trajectories) == 1 else trajectories[int(np.argmax(self._values(trajectories)))]

    def _candidates(self, rng: np.random.Generator, index: int) -> list[KeptCounts]:
        """The whole policies of which one is scored, all of them new if there are new ones.

        A new agent begins with the uniform policy, then takes random ones in the warm-up, then variations. An agent
        that was trained elsewhere has no warm-up.
        """
        budgets = self._problem.budgets
        if index == 0:
            return [budgets.scale(np.ones(self._groups))]
        if index < self._warmup and not self._begins_trained:
            return [random_policy(rng, budgets)]
        sigma = self.sigma(index)
        for kept in (self._kept_groups(index), 0):
            kept_counts = self._varied_kept_counts(rng, kept)
            varied = list(varied_policies(rng, budgets, kept_counts, sigma, self._settings.candidates, kept))
            new = [each for each in varied if each.tobytes() not in self._known]
            if new:
                return new
        return varied

    def _kept_groups(self, index: int) -> int:
        """The number of first groups that stay as in the best policy so far, the same for some episodes in a row.

        To return to where the best one was and to explore from there is the idea of Go-Explore (Ecoffet et al. 2021).
        Here it saves time, too: networks that begin alike are computed from where they part
        (`amc.scoring.executor.prefix_cache`).
        """
        if self.best is None or self._settings.free_groups is None:
            return 0
        offset = np.random.default_rng((self._seed, 2)).random()
        share = (offset + GOLDEN * (index // self._settings.kept_episodes)) % 1.0  # even, however few there are
        return int(share**2 * (max(self._groups - self._settings.free_groups, 0) + 1))

    def _varied_kept_counts(self, rng: np.random.Generator, kept: int) -> KeptCounts:
        """The policy that is varied: the best so far, or its first `kept` groups and the actor's choices after them."""
        if self.best is None:
            return self._problem.rollout(self._actor).kept_counts
        if rng.random() < self._settings.best_share:
            return self.best.kept_counts
        begin = iter(self._problem.sparsities(self.best.kept_counts)[:kept].tolist())

        def act(observation: NDArray[np.float32], interval: tuple[float, float]) -> float:
            sparsity = next(begin, None)
            return self._actor(observation, interval) if sparsity is None else sparsity

        return self._problem.rollout(act).kept_counts
