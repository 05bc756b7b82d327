"""What every search strategy is, and how those score policies that learn nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor

from agents.result import Episode, Past
from amc.graph import KeptCounts
from envs import PruningProblem

OnEpisode = Callable[[Episode], None]
NOTHING = Past()


class Strategy(ABC):
    """Searches a pruning problem and tells of every scored policy."""

    @abstractmethod
    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """Score policies until there are `episodes` at the most, those of `past` included.

        Raises:
            UserError: too few episodes for it.
            ValueError: a past of another search.
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
    """Scores policies one after the other and tells of each; those of the past are looked up instead.

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
            ValueError: the past has other keeps here.
        """
        return self.all([kept_counts])[0]

    def all(self, policies: Sequence[KeptCounts], *, race: bool = False) -> list[float]:
        """The accuracies of several policies, scored together; with `race` those of bad ones may be estimates.

        Raises:
            ValueError: the past has other keeps here.
        """
        past = self._past[self.count : self.count + len(policies)]
        for kept_counts, episode in zip(policies, past, strict=False):
            if episode.kept_counts.tolist() != kept_counts.tolist():
                raise ValueError(f"episode {episode.index} is of another search")
        found = [episode.outcome.accuracy for episode in past]
        self.count += len(past)
        new = policies[len(past) :]
        for kept_counts, (reward, outcome) in zip(new, self._problem.score_all(new, race=race), strict=True):
            self._on_episode(Episode(self.count, kept_counts, reward, outcome))
            self.count += 1
            found.append(outcome.accuracy)
        return found
