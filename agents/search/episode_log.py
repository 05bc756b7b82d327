"""All episodes of a search, and the best of them, noted while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from agents.result import Episode, best_of, better
from agents.strategy import OnEpisode


class EpisodeLog:
    """Remembers every episode, those of the past included, and the best of them; passes each new one on."""

    def __init__(self, *listeners: OnEpisode, past: Sequence[Episode] = ()) -> None:
        self.episodes = list(past)
        self.best = best_of(past)
        self._listeners = listeners

    def __call__(self, episode: Episode) -> None:
        """Note one episode."""
        self.episodes.append(episode)
        self.best = better(self.best, episode)
        for listener in self._listeners:
            listener(episode)
