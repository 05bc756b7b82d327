"""The list of all episodes of a search, kept while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from agents.episode import Episode, best_of, better
from agents.strategy import OnEpisode


class EpisodeLog:
    """A listener that remembers all episodes and the best of them, and passes each new one on to other listeners.

    Attributes:
        episodes: All episodes in order, those of the past included.
        best: The best episode so far; None while none is within the budget.
    """

    def __init__(self, *listeners: OnEpisode, past: Sequence[Episode] = ()) -> None:
        self.episodes = list(past)
        self.best = best_of(past)
        self._listeners = listeners

    def __call__(self, episode: Episode) -> None:
        """Add one episode."""
        self.episodes.append(episode)
        self.best = better(self.best, episode)
        for listener in self._listeners:
            listener(episode)
