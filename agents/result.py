"""What a search returns, and what is told of every episode while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from amc.graph import Keeps
from envs.rewards import Outcome


@dataclass(frozen=True, eq=False)
class Episode:
    """One scored policy. `details` are numbers of the strategy's own (losses, exploration) by readable name."""

    index: int
    keeps: Keeps
    reward: float
    outcome: Outcome
    details: dict[str, float] = field(default_factory=dict)


def better(best: Episode | None, episode: Episode) -> Episode:
    """The one with the larger reward; of equal ones `best`, which came first."""
    return episode if best is None or episode.reward > best.reward else best


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The best episode of a search, and all of them in order."""

    best: Episode
    episodes: tuple[Episode, ...]
