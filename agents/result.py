"""What a search returns, and what is told of every episode while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from amc.graph import KeptCounts
from envs.rewards import Outcome


@dataclass(frozen=True, eq=False)
class Episode:
    """One scored policy. `details` are numbers of the strategy's own (losses, exploration) by readable name.

    `stage` is that of a search in stages; 0 for the first.
    """

    index: int
    kept_counts: KeptCounts
    reward: float
    outcome: Outcome
    details: dict[str, float] = field(default_factory=dict)
    stage: int = 0


def better(best: Episode | None, episode: Episode) -> Episode | None:
    """The one of the later stage, of one stage that with the larger reward; of equal ones `best`, which came first.

    An episode that exceeds the budget is never better.
    """
    is_better = best is None or (episode.stage, episode.reward) > (best.stage, best.reward)
    return episode if is_better and episode.outcome.within_budget else best


def best_of(episodes: Iterable[Episode]) -> Episode | None:
    """That of the last stage with the largest reward within the budget, the first of equal ones; None of none."""
    return [None, *best_so_far(episodes)][-1]


def best_so_far(episodes: Iterable[Episode]) -> Iterator[Episode | None]:
    """After each episode the best until then."""
    best = None
    for episode in episodes:
        best = better(best, episode)
        yield best


@dataclass(frozen=True, eq=False)
class Past:
    """A search that was interrupted: its episodes in order, and what its strategy knew after them, by name."""

    episodes: tuple[Episode, ...] = ()
    state: Mapping[str, Tensor] = field(default_factory=dict)
