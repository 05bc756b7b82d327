"""Covariance matrix adaptation: policies are drawn from a normal distribution that learns which groups go together."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.episode import Past
from agents.rules.demonstrations import first_policy
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.graph import KeptCounts
from envs import PruningProblem

SIGMA = 0.3
"""The deviation of the logarithms of the groups' shares in the first policies."""
WIDEST = 4.0
"""The largest absolute logarithm of a share before a policy is scaled to the budget."""


class CmaEs(Strategy):
    """The evolution strategy with covariance matrix adaptation (Hansen and Ostermeier 2001), by the package `cma`.

    What it varies are the logarithms of the shares that groups keep, around the start or the uniform policy; each
    policy is then scaled to the budget by one common factor. A generation is scored together.
    """

    takes_start: ClassVar[bool] = True

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        """Score policies until there are `episodes`, those of `past` included.

        Raises:
            UserError: The past is of another search.
        """
        score = Scores(problem, on_episode, past, race=True)
        groups = len(problem.graph.groups)
        if episodes:
            score(first_policy(problem))
        rng = np.random.default_rng((seed, 0))
        shares = first_policy(problem) / problem.graph.full
        mean = np.log(shares / shares.mean())
        evolution = _evolution(
            np.pad(mean, (0, max(2 - groups, 0))), rng
        )  # the package knows no search over a single number
        while score.count < episodes:
            points = evolution.ask()
            policies = [_policy(problem, np.asarray(point)[:groups]) for point in points]
            found = score.episodes(policies[: episodes - score.count])
            if len(found) < len(points):
                return
            evolution.tell(points, [-episode.reward for episode in found])


def _evolution(mean: NDArray[np.float64], rng: np.random.Generator) -> Any:
    import cma  # which takes a second, for this strategy alone

    options = {
        "bounds": [-WIDEST, WIDEST],
        "randn": lambda *shape: rng.standard_normal(shape),
        "seed": np.nan,  # so that the package leaves numpy's global generator alone
        "verbose": -9,
        "maxiter": np.inf,
        "tolfun": 0,
        "tolx": 0,
    }
    return cma.CMAEvolutionStrategy(np.clip(mean, -WIDEST, WIDEST), SIGMA, options)


def _policy(problem: PruningProblem, logarithms: NDArray[np.float64]) -> KeptCounts:
    return problem.budgets.scale(np.exp(logarithms))
