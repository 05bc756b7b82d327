"""Regularised evolution: the best of some policies that were drawn from the youngest ones is varied."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import numpy as np

from agents.episode import Episode, Past
from agents.exploration import random_policy, varied_policies
from agents.rules.demonstrations import first_policy
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.graph import KeptCounts
from envs import PruningProblem

POPULATION = 8
"""The size of the population is the number of episodes over this, within `SIZES`."""
SIZES = (8, 64)
"""The smallest and the largest population."""
SAMPLE = 4
"""A parent is the best of a sample, whose size is that of the population over this."""
SIGMA = 0.3
"""The deviation of the logarithms of the shares that a child changes."""


class Evolution(Strategy):
    """Regularised evolution (Real et al. 2019, arXiv:1802.01548, algorithm 1), as LeGR searches (Chin et al. 2020).

    A population of random policies; then each child varies the best of a random sample of the population, and takes the
    place of the oldest.

    Args:
        round_size: How many children are made of one population before they are scored together.
    """

    takes_start: ClassVar[bool] = True

    def __init__(self, round_size: int = 1) -> None:
        self._round_size = round_size

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        """Score policies until there are `episodes`, those of `past` included.

        Raises:
            UserError: The past is of another search.
        """
        score = Scores(problem, on_episode, past, race=True)
        size = int(np.clip((past.begun_with or episodes) // POPULATION, *SIZES))
        population: deque[Episode] = deque(maxlen=size)
        while score.count < episodes:
            indices = range(score.count, min(score.count + self._round_size, episodes))
            population.extend(score.episodes([_child(problem, population, size, seed, each) for each in indices]))


def _child(problem: PruningProblem, population: deque[Episode], size: int, seed: int, index: int) -> KeptCounts:
    """The policy of an episode: the first one, random ones until the population is full, then variations."""
    rng = np.random.default_rng((seed, index))
    if index == 0:
        return first_policy(problem)
    if len(population) < size:
        return random_policy(rng, problem.budgets)
    sample = rng.permutation(len(population))[: max(2, size // SAMPLE)]
    parent = max((population[each] for each in sample), key=lambda episode: episode.reward)
    (child,) = varied_policies(rng, problem.budgets, parent.kept_counts, SIGMA, 1)
    return child
