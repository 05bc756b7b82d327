"""The choice of policies that are worth scoring, among thousands, by a model of those that were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from agents.episode import Episode
from agents.exploration import varied_policies
from agents.surrogate.gaussian_process import GaussianProcess
from agents.surrogate.swaps import swapped_policies
from amc.graph import KeptCounts
from envs import PruningProblem

FEWEST = 4
"""The number of scored policies from which on the model proposes."""
PARENTS, CHILDREN, GENERATIONS = 12, 192, 4
"""How candidates are found: from so many parents so many children, of which the best are parents again."""
VARIED, SIGMA = 16, 0.3
"""The number of further children that vary one parent, and the deviation of the logarithms of shares by which."""
REFIT = 1.15
"""Hyperparameters are fitted again once there are so many times as many scored policies."""
NOISE_OF_ESTIMATES = 0.1
"""The deviation of the noise of scores that are estimates, in that of all values."""


class Proposer:
    """Proposes policies by Bayesian optimisation (Mockus 1978; Snoek et al. 2012) over whole policies.

    A Gaussian process predicts the logarithm of how much reward a policy lacks, and candidates are policies a few swaps
    or a little variation from the best; the one with the largest expected improvement is proposed.

    Args:
        problem: The pruning problem.
    """

    def __init__(self, problem: PruningProblem) -> None:
        self._problem = problem
        self._known: dict[bytes, Episode] = {}
        self._process = GaussianProcess()
        self._fitted = 0

    def remember(self, episode: Episode) -> None:
        """Learn from a scored policy, whoever proposed it, within the budget or not."""
        self._known[episode.kept_counts.tobytes()] = episode

    @property
    def is_ready(self) -> bool:
        """Whether enough is known to propose anything."""
        return sum(map(self._is_affordable, self._known.values())) >= FEWEST

    def _is_affordable(self, episode: Episode) -> bool:
        return self._problem.budgets.allows(episode.kept_counts)

    def propose(
        self, rng: np.random.Generator, others: Sequence[KeptCounts] = (), pending: Sequence[KeptCounts] = ()
    ) -> KeptCounts:
        """The policy `(groups,)` whose score is expected to improve most on the best so far, a new one if there is any.

        Args:
            rng: Draws the candidates.
            others: Policies that are candidates as well, and from which candidates are varied.
            pending: Policies that will be scored with it, which are taken to score as expected.
        """
        best = self._fit(pending)
        ranked = sorted(
            filter(self._is_affordable, self._known.values()),
            key=lambda episode: -episode.reward,
        )
        parents = np.array([*others, *(episode.kept_counts for episode in ranked[:PARENTS])], dtype=np.int64)
        known = {*self._known, *(each.tobytes() for each in pending)}
        pool, gains = np.empty((0, parents.shape[1]), dtype=np.int64), np.empty(0)
        candidates = np.array(others, dtype=np.int64).reshape(-1, parents.shape[1])
        for _ in range(GENERATIONS):
            candidates = np.unique(np.concatenate([candidates, self._children(rng, parents)]), axis=0)
            candidates = candidates[[each.tobytes() not in known for each in candidates]]
            if not len(candidates):
                break
            pool = np.concatenate([pool, candidates])
            gains = np.concatenate([gains, self._gain(candidates, best)])
            order = np.argsort(-gains, kind="stable")[:PARENTS]
            parents, candidates = pool[order], pool[:0]
        return pool[int(np.argmax(gains))] if len(pool) else ranked[0].kept_counts

    def _children(self, rng: np.random.Generator, parents: KeptCounts) -> KeptCounts:
        """Policies one or two swaps from a parent, and some that vary one parent in any number of groups."""
        budgets = self._problem.budgets
        count = VARIED if budgets.limits else CHILDREN
        varied = varied_policies(rng, budgets, parents[rng.integers(len(parents))], SIGMA, count)
        if not budgets.limits:  # there is nothing to swap for
            return varied
        swapped = swapped_policies(budgets, parents[rng.integers(len(parents), size=CHILDREN)], rng)
        again = swapped_policies(budgets, swapped[: CHILDREN // 3], rng)
        return np.concatenate([swapped, again, varied])

    def _fit(self, pending: Sequence[KeptCounts]) -> float:
        """Fit the model to all that is known; the best value of it.

        Hyperparameters follow from the first episodes, a number that grows by steps, so that they are the same after an
        interruption.
        """
        episodes = list(self._known.values())
        policies = np.array([episode.kept_counts for episode in episodes])
        inputs, values = self._inputs(policies), self._values(episodes)
        noise = NOISE_OF_ESTIMATES * values.std() * np.array([each.outcome.images < 1 for each in episodes])
        first = _step_below(len(episodes))
        if first != self._fitted:
            self._process.choose(inputs[:first], values[:first], noise[:first])
            self._fitted = first
        self._process.fit(inputs, values, noise)
        if pending:
            waiting = self._inputs(np.array(pending))
            expected = np.append(values, self._process.predict(waiting).mean)
            self._process.fit(np.concatenate([inputs, waiting]), expected, np.append(noise, np.zeros(len(pending))))
        return float(max(v for v, each in zip(values, episodes, strict=True) if self._is_affordable(each)))

    def _values(self, episodes: Sequence[Episode]) -> NDArray[np.float64]:
        """What is predicted: minus the logarithm of what a policy's reward lacks to the best that may be, `(n,)`."""
        rewards = np.array([episode.reward for episode in episodes])
        best, middle = rewards.max(), float(np.median(rewards))
        top = max(best + 0.1 * (best - middle), 0.0) if best < 0 else best + max(best - middle, 1e-6)
        return -np.log(np.maximum(top - rewards, 1e-9))

    def _inputs(self, policies: KeptCounts) -> NDArray[np.float64]:
        """Policies as the model sees them: the logarithm of each group's share, 0 for all and 1 for the least."""
        graph = self._problem.graph
        span = np.log(np.maximum(graph.full / graph.least, 1 + 1e-9))
        inputs: NDArray[np.float64] = np.log(graph.full / policies) / span
        return inputs

    def _gain(self, policies: KeptCounts, best: float) -> NDArray[np.float64]:
        """The logarithm of the expected improvement on the best value, `(n,)`."""
        mean, deviation = self._process.predict(self._inputs(policies))
        z = (mean - best) / deviation
        improvement = deviation * (z * norm.cdf(z) + norm.pdf(z))
        return np.where(improvement > 1e-30, np.log(np.maximum(improvement, 1e-30)), -70.0 - z**2)


def _step_below(count: int) -> int:
    """The largest number up to `count` in a series that begins with `FEWEST` and grows by `REFIT`."""
    step = FEWEST
    while (following := max(step + 1, int(REFIT * step))) <= count:
        step = following
    return step
