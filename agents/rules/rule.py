"""The base of strategies that follow a rule: they draw nothing at random and know nothing but scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from agents.episode import Past
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.graph import KeptCounts
from amc.utils.errors import UserError
from envs import PruningProblem

Choose = Callable[[PruningProblem], KeptCounts]
"""A function that gives the kept counts `(groups,)` of a rule's policy for a pruning problem."""


class Rule(Strategy):
    """A strategy that scores the same policies whatever the seed, as many as its plan has from the beginning."""

    is_extensible = False

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        """Follow the rule from its beginning; policies of the past are looked up instead of scored.

        Raises:
            UserError: There are too few episodes for the rule, or the past is of another search.
        """
        del seed
        self.planned(problem, episodes)  # raises where they are too few
        self.follow(problem, episodes, Scores(problem, on_episode, past))

    @abstractmethod
    def follow(self, problem: PruningProblem, episodes: int, score: Scores) -> None:
        """Score policies, `episodes` at the most; the last one is the result of the rule."""


class OnePolicy(Rule):
    """A rule that knows its policy without scoring any other.

    Args:
        choose: Gives the policy for a pruning problem.
    """

    def __init__(self, choose: Choose) -> None:
        self.choose = choose

    def planned(self, problem: PruningProblem, episodes: int) -> int:
        """One, however many policies may be scored."""
        del problem
        return min(episodes, 1)

    def follow(self, problem: PruningProblem, episodes: int, score: Scores) -> None:
        """Score the one policy."""
        if episodes:
            score(self.choose(problem))


def check_enough(rule: str, problem: PruningProblem, episodes: int) -> None:
    """Raise a UserError where a rule can't cut each group once, besides the whole network and its result."""
    groups = len(problem.graph.groups)
    if episodes < groups + 2:
        raise UserError(
            f"strategy {rule} cuts each of the {groups} channel groups alone before it decides:"
            f" expected at least {groups + 2} episodes, got {episodes}"
        )
