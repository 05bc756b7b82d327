"""The interface of search strategies, and the scoring that those share which learn nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from torch import Tensor

from agents.episode import Episode, Past
from amc.graph import KeptCounts
from amc.utils.errors import UserError
from envs import PruningProblem

OnEpisode = Callable[[Episode], None]
"""A listener that is called with every scored policy."""
NO_PAST = Past()
"""The past of a new search."""
NO_DETAILS: Mapping[str, float] = MappingProxyType({})
"""The details of an episode about which a strategy has nothing to say."""


class Strategy(ABC):
    """A way of searching a pruning problem for the policy with the largest reward.

    Attributes:
        is_extensible: Whether a search that has scored all its episodes can go on to more of them.
        takes_start: Whether it begins from the problem's `start` where there is one.
        takes_drawn_budgets: Whether each of its episodes is about the budgets that `PruningProblem.of_episode` gives.
    """

    is_extensible: ClassVar[bool] = True
    takes_start: ClassVar[bool] = False
    takes_drawn_budgets: ClassVar[bool] = False

    @abstractmethod
    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        """Score policies until there are `episodes` at the most, those of `past` included.

        Args:
            problem: The pruning problem.
            episodes: How many policies may be scored.
            seed: The seed of everything that is drawn.
            on_episode: Called with every policy that is scored, but not with those of the past.
            past: The past of an interrupted search, which is continued as if it had not been; or of a search that was
                begun with another number of episodes, which is continued with what it knows.

        Raises:
            UserError: There are too few episodes for the strategy, or the past is of another search or strategy.
        """

    def planned(self, problem: PruningProblem, episodes: int) -> int:
        """The number of policies that `search` scores when it may score `episodes`: that or fewer.

        Raises:
            UserError: There are too few episodes for the strategy.
        """
        del problem
        return episodes

    def expected_best(self, problem: PruningProblem) -> KeptCounts:
        """The policy `(groups,)` of which most is expected at a problem's budgets, without scoring any.

        It is asked for after a search whose budgets were drawn.
        """
        raise NotImplementedError("a strategy that takes drawn budgets gives it")

    def state(self) -> dict[str, Tensor]:
        """The tensors, by name, that `Past.state` has to hold besides the episodes so that the search can be continued.

        They are asked for in `on_episode`; strategies that decide by scores alone have none.
        """
        return {}


class Scores:
    """Scores policies in order and reports each as an episode; the scores of the past are looked up instead.

    A strategy that decides by nothing but scores therefore continues after an interruption by beginning again.

    Args:
        problem: The pruning problem.
        on_episode: Called with every policy that is scored, but not with those of the past.
        past: The past of an interrupted search.
        race: Whether the scores of bad policies may be estimates. What is bad follows from all policies before, so that
            a strategy races all of its policies or none.

    Attributes:
        count: The number of policies so far, those of the past included.
    """

    def __init__(self, problem: PruningProblem, on_episode: OnEpisode, past: Past, *, race: bool = False) -> None:
        self._problem = problem
        self._race = race
        self._on_episode = on_episode
        self._past = past.episodes
        self.count = 0

    def __call__(self, kept_counts: KeptCounts) -> float:
        """The score of the policy `kept_counts` `(groups,)`, whether or not it is within the budget.

        Raises:
            UserError: The past has another policy in this place.
        """
        return self.all([kept_counts])[0]

    def all(self, policies: Sequence[KeptCounts]) -> list[float]:
        """The scores of several policies, scored together.

        Raises:
            UserError: The past has another policy in one of these places.
        """
        return [episode.outcome.value for episode in self.episodes(policies)]

    def episodes(self, policies: Sequence[KeptCounts], details: Mapping[str, float] = NO_DETAILS) -> list[Episode]:
        """The episodes that end with `policies`, which are scored together, each with `details`.

        Raises:
            UserError: The past has another policy in one of these places.
        """
        found = list(self._past[self.count : self.count + len(policies)])
        for kept_counts, episode in zip(policies, found, strict=False):
            if episode.kept_counts.tolist() != kept_counts.tolist():
                raise UserError(
                    f"episode {episode.index} of the interrupted search has another policy than this search has there;"
                    " go on where it was begun, or begin a new one"
                )
        self.count += len(found)
        new = policies[len(found) :]
        scores = self._problem.score_all(new, race=self._race, before=len(found))
        for kept_counts, (reward, outcome) in zip(new, scores, strict=True):
            found.append(Episode(self.count, kept_counts, reward, outcome, dict(details)))
            self._on_episode(found[-1])
            self.count += 1
        return found
