"""The mildest cuts of a network, which tell whether any is good enough before a search for the least cost begins."""

from __future__ import annotations

from agents.rules.rule import Rule
from agents.strategy import Scores
from amc.cost.costs import CostFunction
from amc.graph import KeptCounts
from envs import PruningProblem


class MildCuts(Rule):
    """Cuts one group alone by one step, the one that saves least first, until a network is good enough.

    Args:
        cost: The cost that is saved.
        enough: The accuracy of a network that is good enough.
    """

    def __init__(self, cost: CostFunction, enough: float) -> None:
        self._cost = cost
        self._enough = enough

    def planned(self, problem: PruningProblem, episodes: int) -> int:
        """The cuts that there are, at the most."""
        return min(len(problem.graph.groups), episodes)

    def follow(self, problem: PruningProblem, episodes: int, score: Scores) -> None:
        """Score the cuts, as many as are needed."""
        for kept_counts in mild_cuts(problem, self._cost)[:episodes]:
            (episode,) = score.episodes([kept_counts])
            if episode.outcome.accuracy >= self._enough:
                break


def mild_cuts(problem: PruningProblem, cost: CostFunction) -> list[KeptCounts]:
    """The policies that cut one group by one step, each `(groups,)`, the one with the largest cost first."""
    cuts = []
    for index, choices in enumerate(problem.budgets.choices):
        cut = problem.graph.full
        cut[index] = choices[-2]
        cuts.append(cut)
    return sorted(cuts, key=lambda each: -cost(each))
