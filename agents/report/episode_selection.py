"""Episodes that a report picks out of a search: those that no other beats, and the one of the policy that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.episode import Episode, best_of


def pareto_frontier(episodes: Sequence[Episode], kind: str) -> list[Episode]:
    """The episodes that no other beats in accuracy at the same cost or less, the cheapest first; of equals the first.

    Args:
        episodes: In any order.
        kind: The cost that counts, a name in `amc.cost.costs.COSTS`.
    """
    best: list[Episode] = []
    for episode in sorted(episodes, key=lambda each: (getattr(each.outcome, kind), -each.outcome.accuracy, each.index)):
        if not best or episode.outcome.accuracy > best[-1].outcome.accuracy:
            best.append(episode)
    return best


def episode_of_policy(episodes: Sequence[Episode], kept_counts: Sequence[int]) -> Episode | None:
    """The first episode whose policy keeps `kept_counts[g]` units of each group `g`; None where there is none."""
    return next((episode for episode in episodes if np.array_equal(episode.kept_counts, kept_counts)), None)


class MarkedEpisode(NamedTuple):
    """The episode that charts mark with a star, and what they call it."""

    episode: Episode
    label: str


def marked_episode(episodes: Sequence[Episode], kept: int | None = None) -> MarkedEpisode | None:
    """The episode whose policy is kept; while that is not known the best one, or None before there is one.

    Args:
        episodes: The episodes of a search.
        kept: The index of the episode whose policy is kept; None while that is not known.
    """
    for episode in episodes:
        if episode.index == kept:
            return MarkedEpisode(episode, "kept policy")
    best = best_of(episodes)
    return MarkedEpisode(best, "best so far") if best else None
