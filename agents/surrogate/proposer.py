"""The choice of policies that are worth scoring, among thousands, by a model of those that were."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from agents.episode import Episode
from agents.exploration import varied_policies
from agents.surrogate.gaussian_process import GaussianProcess, Prediction
from agents.surrogate.swaps import swapped_policies
from amc.cost.budget import Budgets
from amc.graph import KeptCounts, PruningGraph

FEWEST = 4
"""The number of scored policies from which on the model proposes."""
PARENTS, CHILDREN, GENERATIONS = 12, 192, 4
"""How candidates are found: from so many parents so many children, of which the best are parents again."""
VARIED, SIGMA = 16, 0.3
"""The number of further children that vary one parent, and the deviation of the logarithms of shares by which."""
REFIT = 1.15
"""Hyperparameters are fitted again once there are so many times as many scored policies."""
LEAST_CHANGE = 1e-9
"""Changes of the outputs below this, relative to their energy, are alike."""
NOISE_OF_ESTIMATES = 0.1
"""The deviation of the noise of scores that are estimates, in that of all values."""


ExpectedChange = Callable[[KeptCounts], NDArray[np.float64]]


class Proposer:
    """Proposes policies by Bayesian optimisation (Mockus 1978; Snoek et al. 2012) over whole policies.

    A Gaussian process predicts the logarithm of how much reward a policy lacks, by which it differs from that of the
    change that was expected beforehand, and candidates are policies a few swaps or a little variation from the best;
    the one with the largest expected improvement is proposed. What policies are worth does not depend on a budget, so
    that it learns from those of all budgets.

    Args:
        graph: The analysis of the network that is pruned.
        expected_change: Gives the change of the outputs that is expected of policies `(n, groups)` before any is scored
            (`amc.compression.group_features`), `(n,)`; 0 where nothing is known.
    """

    def __init__(self, graph: PruningGraph, expected_change: ExpectedChange) -> None:
        self._graph = graph
        self._expected_change = expected_change
        self._slope = 0.0
        self._known: dict[bytes, Episode] = {}
        self._process = GaussianProcess()
        self._fitted = 0

    def remember(self, episode: Episode) -> None:
        """Learn from a scored policy, whoever proposed it, within the budget or not."""
        self._known[episode.kept_counts.tobytes()] = episode

    def is_ready(self, budgets: Budgets) -> bool:
        """Whether enough is known to propose anything within the budgets."""
        known = [episode.kept_counts for episode in self._known.values()]
        return len(known) >= FEWEST and int(budgets.allows_each(np.array(known)).sum()) >= FEWEST

    def scaled(self, budgets: Budgets) -> list[KeptCounts]:
        """The policies that were scored, whatever their budgets, scaled to these: each once, `(groups,)`."""
        known = np.array([episode.kept_counts for episode in self._known.values()])
        return list(np.unique(budgets.scale(known / self._graph.full), axis=0))

    def propose(
        self,
        budgets: Budgets,
        rng: np.random.Generator,
        others: Sequence[KeptCounts] = (),
        pending: Sequence[KeptCounts] = (),
    ) -> KeptCounts:
        """The policy `(groups,)` whose score is expected to improve most on the best so far, a new one if there is any.

        Args:
            budgets: What the policy may cost.
            rng: Draws the candidates.
            others: Policies that are candidates as well, and from which candidates are varied.
            pending: Policies that will be scored with it, which are taken to score as expected.
        """
        values, ranked = self._fit(pending), self._ranked(budgets)
        best = float(values[[*self._known].index(ranked[0].kept_counts.tobytes())])
        known = {*self._known, *(each.tobytes() for each in pending)}
        parents = [*others, *(episode.kept_counts for episode in ranked[:PARENTS])]
        found = self._bred(budgets, rng, others, parents, lambda each: self._gain(each, best), known)
        return ranked[0].kept_counts if found is None else found

    def best(self, budgets: Budgets, rng: np.random.Generator, others: Sequence[KeptCounts] = ()) -> KeptCounts:
        """The policy `(groups,)` within the budgets of which the largest reward is expected, scored or not.

        Args:
            budgets: What the policy may cost.
            rng: Draws the candidates.
            others: Policies that are candidates as well.
        """
        self._fit(())
        first = [*others, *(episode.kept_counts for episode in self._ranked(budgets)[:PARENTS])]
        found = self._bred(budgets, rng, first, first, lambda each: self._predict(each).mean)
        return first[0] if found is None else found

    def _ranked(self, budgets: Budgets) -> list[Episode]:
        """The scored policies within the budgets, the best first."""
        within = [episode for episode in self._known.values() if budgets.allows(episode.kept_counts)]
        return sorted(within, key=lambda episode: -episode.reward)

    def _bred(
        self,
        budgets: Budgets,
        rng: np.random.Generator,
        first: Sequence[KeptCounts],
        parents: Sequence[KeptCounts],
        worth: Callable[[KeptCounts], NDArray[np.float64]],
        known: Container[bytes] = (),
    ) -> KeptCounts | None:
        """The policy of largest worth among those that come first and some generations of children of the parents.

        None that is known is among them; None where there is no other.
        """
        groups = len(self._graph.groups)
        candidates, chosen = np.array(first, dtype=np.int64).reshape(-1, groups), np.array(parents, dtype=np.int64)
        pool, gains = np.empty((0, groups), dtype=np.int64), np.empty(0)
        for _ in range(GENERATIONS):
            candidates = np.unique(np.concatenate([candidates, self._children(budgets, rng, chosen)]), axis=0)
            candidates = candidates[[each.tobytes() not in known for each in candidates]]
            if not len(candidates):
                break
            pool = np.concatenate([pool, candidates])
            gains = np.concatenate([gains, worth(candidates)])
            order = np.argsort(-gains, kind="stable")[:PARENTS]
            chosen, candidates = pool[order], pool[:0]
        return pool[int(np.argmax(gains))] if len(pool) else None

    def _children(self, budgets: Budgets, rng: np.random.Generator, parents: KeptCounts) -> KeptCounts:
        """Policies one or two swaps from a parent, and some that vary one parent in any number of groups."""
        count = VARIED if budgets.limits else CHILDREN
        varied = varied_policies(rng, budgets, parents[rng.integers(len(parents))], SIGMA, count)
        if not budgets.limits:  # there is nothing to swap for
            return varied
        swapped = swapped_policies(budgets, parents[rng.integers(len(parents), size=CHILDREN)], rng)
        again = swapped_policies(budgets, swapped[: CHILDREN // 3], rng)
        return np.concatenate([swapped, again, varied])

    def _fit(self, pending: Sequence[KeptCounts]) -> NDArray[np.float64]:
        """Fit the model to all that is known; the values of that.

        Hyperparameters follow from the first episodes, a number that grows by steps, so that they are the same after an
        interruption.
        """
        episodes = list(self._known.values())
        inputs = self._inputs(np.array([episode.kept_counts for episode in episodes]))
        first = _step_below(len(episodes))
        if first != self._fitted:
            self._process.choose(inputs[:first], *self._rest(episodes[:first]))
            self._fitted = first
        rest, noise = self._rest(episodes)
        self._process.fit(inputs, rest, noise)
        if pending:
            waiting = self._inputs(np.array(pending))
            expected = np.append(rest, self._process.predict(waiting).mean)
            self._process.fit(np.concatenate([inputs, waiting]), expected, np.append(noise, np.zeros(len(pending))))
        return self._values(episodes)

    def _rest(self, episodes: Sequence[Episode]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The values less what follows from the changes that were expected, and the deviations of their noise."""
        values, trend = self._values(episodes), self._trend(np.array([episode.kept_counts for episode in episodes]))
        self._slope = _slope(trend, values)
        noise = NOISE_OF_ESTIMATES * values.std() * np.array([each.outcome.images < 1 for each in episodes])
        return values - self._slope * trend, noise

    def _predict(self, policies: KeptCounts) -> Prediction:
        """What is expected of the values of policies `(n, groups)`."""
        rest = self._process.predict(self._inputs(policies))
        return Prediction(rest.mean + self._slope * self._trend(policies), rest.deviation)

    def _trend(self, policies: KeptCounts) -> NDArray[np.float64]:
        """Minus the logarithm of the change that was expected of policies before any was scored, `(n,)`."""
        return -np.log(np.maximum(self._expected_change(policies), LEAST_CHANGE))

    def _values(self, episodes: Sequence[Episode]) -> NDArray[np.float64]:
        """What is predicted: minus the logarithm of what a policy's reward lacks to the best that may be, `(n,)`."""
        rewards = np.array([episode.reward for episode in episodes])
        best, middle = rewards.max(), float(np.median(rewards))
        top = max(best + 0.1 * (best - middle), 0.0) if best < 0 else best + max(best - middle, 1e-6)
        return -np.log(np.maximum(top - rewards, 1e-9))

    def _inputs(self, policies: KeptCounts) -> NDArray[np.float64]:
        """Policies as the model sees them: the logarithm of each group's share, 0 for all and 1 for the least."""
        full, least = self._graph.full, self._graph.least
        span = np.log(np.maximum(full / least, 1 + 1e-9))
        inputs: NDArray[np.float64] = np.log(full / policies) / span
        return inputs

    def _gain(self, policies: KeptCounts, best: float) -> NDArray[np.float64]:
        """The logarithm of the expected improvement on the best value, `(n,)`."""
        mean, deviation = self._predict(policies)
        z = (mean - best) / deviation
        improvement = deviation * (z * ndtr(z) + np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))
        return np.where(improvement > 1e-30, np.log(np.maximum(improvement, 1e-30)), -70.0 - z**2)


def _slope(trend: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """How values follow the trend: by least squares, drawn to 1 as by one further value; 0 or more."""
    trend, values = trend - trend.mean(), values - values.mean()
    return max(float((trend @ values + 1) / (trend @ trend + 1)), 0.0)


def _step_below(count: int) -> int:
    """The largest number up to `count` in a series that begins with `FEWEST` and grows by `REFIT`."""
    step = FEWEST
    while (following := max(step + 1, int(REFIT * step))) <= count:
        step = following
    return step
