"""The exploration of the DDPG agent.

Each exploring episode is a function of the actor's weights, the episodes so far, the seed and the episode's index.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from agents.ddpg.prior import FindPolicies, no_policies
from agents.ddpg.settings import DDPGSettings
from agents.episode import Episode
from agents.exploration import random_policy, truncated_normal
from agents.rules.demonstrations import demonstrations
from agents.rules.second_order import second_order
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
        rivals: Gives policies at a problem's budget that were found with the agent: the best of them and of the actor's
            is the first one then.
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
        rivals: FindPolicies = no_policies,
    ) -> None:
        self._problem = problem
        self._settings = settings
        self._warmup = warmup
        self._seed = seed
        self._actor = actor
        self._begins_trained = begins_trained
        self._rivals = rivals
        self._demonstrations = cache(demonstrations)
        self._proposer = Proposer(problem.graph, problem.expected_change)

    def remember(self, episode: Episode) -> None:
        """Remember a scored episode, from which the model learns."""
        self._proposer.remember(episode)

    def sigma(self, episode: int) -> float:
        """The deviation of the exploration noise in an episode: held during the warm-up, then decaying."""
        return self._settings.sigma * self._settings.sigma_decay ** max(0, episode - self._warmup)

    def trajectory(self, index: int, pending: Sequence[KeptCounts] = ()) -> Trajectory:
        """The exploring episode number `index`, which is scored together with the policies that are `pending`."""
        rng = np.random.default_rng((self._seed, index))
        problem = self._problem.of_episode(index)
        if index == 0 and self._begins_trained:
            return self._trained_trajectory(problem)
        if not self._settings.surrogate:
            sigma = self.sigma(index)
            return problem.rollout(
                lambda observation, interval: truncated_normal(rng, self._actor(observation, interval), sigma, 0, 1)
            )
        return problem.trajectories([self._policy(problem, rng, index, pending)])[0]

    def _trained_trajectory(self, problem: PruningProblem) -> Trajectory:
        """The actor's own episode, or that of a rival which scores more."""
        own, rivals = self.actors_episode(problem), self._rivals(problem)
        policies = [own.kept_counts, *rivals]
        scores = [reward for reward, _ in problem.score_all(policies)] if rivals else [0.0]
        best = int(np.argmax(scores))
        return own if best == 0 else problem.trajectories([policies[best]])[0]

    def actors_episode(self, problem: PruningProblem) -> Trajectory:
        """The episode in which the actor decides.

        With a model it decides each group as if those before it were decided by the least expected change, and all of
        it is scaled to the budget: what it is wrong by is shared by all groups, rather than left to the last.
        """
        if not self._settings.surrogate or not problem.budgets.limits:
            return problem.rollout(self._actor)
        (plan,) = problem.trajectories([second_order(problem)])
        steps = zip(plan.observations[:-1], problem.graph.full, strict=True)
        shares = [1 - self._actor(seen, (0.0, 1 - 1 / full)) for seen, full in steps]
        return problem.trajectories([problem.budgets.scale(np.array(shares))])[0]

    def expected_best(self, problem: PruningProblem) -> KeptCounts:
        """The policy `(groups,)` of which most is expected at a problem's budgets, by all that was scored at any.

        It is the actor's own without a model, or before that knows enough.
        """
        actors, budgets = self.actors_episode(problem).kept_counts, problem.budgets
        if not self._settings.surrogate or not self._proposer.is_ready(budgets):
            return actors
        return self._proposer.best(
            budgets, np.random.default_rng((self._seed, 3)), [actors, *self._proposer.scaled(budgets)]
        )

    def _policy(
        self, problem: PruningProblem, rng: np.random.Generator, index: int, pending: Sequence[KeptCounts]
    ) -> KeptCounts:
        """The policy of an episode: a demonstration, then random ones, then what the model expects most of.

        Where budgets are drawn, those of all budgets are scaled to that of the episode, from which it is found.
        """
        demonstrated = len(self._demonstrations(self._problem))
        place, budgets = index - self._begins_trained, problem.budgets
        if place < demonstrated and place < len(first := self._demonstrations(problem)):
            return first[place]
        is_first = place < demonstrated + self._settings.random_policies
        if is_first or not self._proposer.is_ready(budgets):
            return random_policy(rng, budgets)
        others = [] if index < self._warmup else [self.actors_episode(problem).kept_counts]
        if problem is not self._problem:
            others += self._proposer.scaled(budgets)
        return self._proposer.propose(budgets, rng, others, pending)
