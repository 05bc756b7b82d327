"""What every search strategy is, and how those score policies that learn nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from torch import Tensor

from agents.result import Episode, Past
from amc.graph import KeptCounts
from amc.utils.errors import UserError
from envs import PruningProblem

OnEpisode = Callable[[Episode], None]
NOTHING = Past()
NO_DETAILS: Mapping[str, float] = MappingProxyType({})


class Strategy(ABC):
    """Searches a pruning problem and tells of every scored policy."""

    @abstractmethod
    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """Score policies until there are `episodes` at the most, those of `past` included.

        Raises:
            UserError: too few episodes for it, or a past of another search.
            ValueError: a state that is not of this strategy.
        """

    def planned(self, problem: PruningProblem, episodes: int) -> int:
        """How many policies it scores in `problem` when it may score `episodes`: never more than that.

        Raises:
            UserError: too few episodes for it.
        """
        del problem
        return episodes

    def state(self) -> dict[str, Tensor]:
        """What it knows when it tells of an episode, besides the episodes: what `Past` holds for it to go on."""
        return {}


class Scores:
    """Scores policies and tells of each episode; those of the past are looked up instead.

    So whoever decides by nothing but scores goes on after an interruption by beginning again.
    """

    def __init__(self, problem: PruningProblem, on_episode: OnEpisode, past: Past) -> None:
        self._problem = problem
        self._on_episode = on_episode
        self._past = past.episodes
        self.count = 0

    def __call__(self, kept_counts: KeptCounts) -> float:
        """The accuracy with `kept_counts` `(groups,)`, whether or not they are within the budget.

        Raises:
            UserError: the past has another policy here.
        """
        return self.all([kept_counts])[0]

    def all(self, policies: Sequence[KeptCounts], *, race: bool = False) -> list[float]:
        """The accuracies of several policies, scored together; with `race` those of bad ones may be estimates.

        Raises:
            UserError: the past has other policies here.
        """
        return [episode.outcome.accuracy for episode in self.episodes(policies, race=race)]

    def episodes(
        self, policies: Sequence[KeptCounts], *, race: bool = False, details: Mapping[str, float] = NO_DETAILS
    ) -> list[Episode]:
        """The episodes that end with `policies`, each with `details`; otherwise as `all`."""
        found = list(self._past[self.count : self.count + len(policies)])
        for kept_counts, episode in zip(policies, found, strict=False):
            if episode.kept_counts.tolist() != kept_counts.tolist():
                raise UserError(
                    f"episode {episode.index} of the interrupted search has another policy than this search has there;"
                    " go on where it was begun, or begin a new one"
                )
        self.count += len(found)
        new = policies[len(found) :]
        for kept_counts, (reward, outcome) in zip(new, self._problem.score_all(new, race=race), strict=True):
            found.append(Episode(self.count, kept_counts, reward, outcome, dict(details)))
            self._on_episode(found[-1])
            self.count += 1
        return found
