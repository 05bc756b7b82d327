"""Strategies that follow a rule: nothing is drawn, and nothing is known besides scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from agents.result import Past
from agents.strategy import NOTHING, OnEpisode, Scores, Strategy
from amc.graph import KeptCounts
from amc.utils.errors import UserError
from envs import PruningProblem

Choose = Callable[[PruningProblem], KeptCounts]


class Rule(Strategy):
    """A strategy that scores the same policies whatever the seed."""

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NOTHING
    ) -> None:
        """See `Strategy`."""
        del seed
        self.planned(problem, episodes)  # raises where they are too few
        self.follow(problem, episodes, Scores(problem, on_episode, past))

    @abstractmethod
    def follow(self, problem: PruningProblem, episodes: int, score: Scores) -> None:
        """Score policies, `episodes` at the most; the last one is what the rule comes to."""


class OnePolicy(Rule):
    """A rule that knows its policy without scoring any other, see `agents.rules`."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose

    def planned(self, problem: PruningProblem, episodes: int) -> int:
        """See `Strategy`: one, however many it may score."""
        del problem
        return min(episodes, 1)

    def follow(self, problem: PruningProblem, episodes: int, score: Scores) -> None:
        """See `Rule`."""
        if episodes:
            score(self._choose(problem))


def check_enough(rule: str, problem: PruningProblem, episodes: int) -> None:
    """Raise a UserError where a rule can't cut each group once, besides the whole network and its result."""
    groups = len(problem.graph.groups)
    if episodes < groups + 2:
        raise UserError(
            f"strategy {rule} cuts each of the {groups} channel groups alone before it decides:"
            f" expected at least {groups + 2} episodes, got {episodes}"
        )
