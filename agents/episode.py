"""The episodes of a search, the best of them, and the past of a search that was interrupted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from amc.graph import KeptCounts
from envs.rewards import Outcome


@dataclass(frozen=True, eq=False)
class Episode:
    """One scored policy.

    Attributes:
        index: The number of policies that were scored before it.
        kept_counts: How many units of each group are kept, `(groups,)`.
        reward: The reward of the policy, which the search maximises.
        outcome: The accuracy and the costs that the policy led to.
        details: Numbers of the strategy's own (losses, exploration) by readable name.
        stage: The stage of the search that scored it, from 0.
    """

    index: int
    kept_counts: KeptCounts
    reward: float
    outcome: Outcome
    details: dict[str, float] = field(default_factory=dict)
    stage: int = 0


def better(best: Episode | None, episode: Episode) -> Episode | None:
    """The better of two episodes: a later stage counts first, then a larger reward; of equals, `best` stays.

    An episode that exceeds the budget is never better.
    """
    is_better = best is None or (episode.stage, episode.reward) > (best.stage, best.reward)
    return episode if is_better and episode.outcome.within_budget else best


def best_of(episodes: Iterable[Episode]) -> Episode | None:
    """The episode within the budget with the largest reward in the last stage, the first of equals; None if none is."""
    return [None, *best_so_far(episodes)][-1]


def best_so_far(episodes: Iterable[Episode]) -> Iterator[Episode | None]:
    """Yield after each episode the best one until then; None while none was within the budget."""
    best = None
    for episode in episodes:
        best = better(best, episode)
        yield best


@dataclass(frozen=True, eq=False)
class Past:
    """The past of a search that was interrupted; without arguments, the past of a new one, which is empty.

    Attributes:
        episodes: The episodes in order.
        state: What the strategy knew after them, as tensors by name.
        begun_with: The number of episodes that the search was begun with, where it has been given another one since;
            None where it still has that.
    """

    episodes: tuple[Episode, ...] = ()
    state: Mapping[str, Tensor] = field(default_factory=dict)
    begun_with: int | None = None
