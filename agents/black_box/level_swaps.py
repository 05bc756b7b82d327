"""Swaps of levels: some groups keep less, others as much more as the budget then allows; the best child is the next."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from agents.episode import Past, better
from agents.rules.demonstrations import first_policy
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from envs import PruningProblem

CHILDREN = 8
"""How many children of a policy are scored together."""
MOST_SWAPS = 3
"""The largest number of swaps by which a child differs from its parent."""
LARGEST_CUT = 0.3
"""The largest share of what a group keeps that a swap takes from it."""


class LevelSwaps(Strategy):
    """The (1 + lambda) search of EvoPress (Sieberling et al. 2024, arXiv:2410.14649, section 3) over widths of groups.

    It begins with the problem's start, or the uniform policy. A child differs by one to three swaps: a group loses some
    of what it keeps, another gains what the budget then allows. Children are raced, and the best takes its parent's
    place if it is better.
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
        if not episodes:
            return
        (best,) = score.episodes([first_policy(problem)])
        known = {best.kept_counts.tobytes()}
        while score.count < episodes:
            children: list[KeptCounts] = []
            for index in range(score.count, min(score.count + CHILDREN, episodes)):
                children.append(_child(problem.budgets, best.kept_counts, known, (seed, index)))
                known.add(children[-1].tobytes())
            for episode in score.episodes(children):
                best = better(best, episode) or best


def _child(budgets: Budgets, parent: KeptCounts, known: set[bytes], seed: tuple[int, int]) -> KeptCounts:
    """A policy a few swaps from its parent, one that is new if some tries find one."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        child = parent
        for _ in range(min(rng.integers(1, MOST_SWAPS + 1, size=2))):  # mostly one
            child = swapped(budgets, child, rng)
        if child.tobytes() not in known:
            break
    return child


def swapped(budgets: Budgets, kept_counts: KeptCounts, rng: np.random.Generator) -> KeptCounts:
    """The policy after one swap: a random group keeps less, and a random other one what the budgets then allow."""
    changed = kept_counts.copy()
    order = rng.permutation(len(changed)).tolist()
    less = next((each for each in order if changed[each] > budgets.choices[each][0]), None)
    if less is not None:
        choices = budgets.choices[less]
        wanted = changed[less] * (1 - rng.uniform(0, LARGEST_CUT))
        smaller = choices[choices < changed[less]]
        changed[less] = smaller[np.argmin(np.abs(smaller - wanted))]
    for more in order:
        if more == less:
            continue
        larger = budgets.choices[more][budgets.choices[more] > kept_counts[more]]
        rows = np.repeat(changed[None], len(larger), axis=0)
        rows[:, more] = larger
        fitting = rows[budgets.allows_each(rows)]
        if len(fitting):
            changed = fitting[-1]
            break
    return budgets.fill(changed)
