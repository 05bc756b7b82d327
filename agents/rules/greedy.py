"""The greedy rule: cut step by step, each time where it costs least of the score for what it saves."""

from __future__ import annotations

from dataclasses import dataclass

from agents.rules.rule import Rule, check_enough
from agents.strategy import Scores
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from envs import PruningProblem


@dataclass(frozen=True, eq=False)
class _Point:
    """A policy on the way: its value, and how far it is over the budget."""

    kept_counts: KeptCounts
    value: float
    excess: float


class Greedy(Rule):
    """Prunes the whole network to the budget in rounds, as NetAdapt (Yang et al. 2018) but without fine-tuning.

    A round tries to cut each group alone by as much as saves the round's share of what is still too much, scores all
    of these networks, and takes the one that loses least for what it saves. There are as many rounds as the
    episodes allow, so that more episodes make smaller steps. At the end all groups are scaled by one common factor that
    meets the budget.
    """

    def planned(self, problem: PruningProblem, episodes: int) -> int:
        """All `episodes` at the most, in as many rounds as they allow.

        Raises:
            UserError: There are too few episodes to cut each group once.
        """
        check_enough("greedy", problem, episodes)
        return episodes

    def follow(self, problem: PruningProblem, episodes: int, score: Scores) -> None:
        """Score the whole network, the cuts of each round, and at last the policy that the rounds lead to."""
        budgets = problem.budgets
        whole = problem.graph.full
        now = _Point(whole, score(whole), budgets.excess(whole))
        while now.excess > 0:
            cuttable = [index for index, choices in enumerate(budgets.choices) if now.kept_counts[index] > choices[0]]
            rounds = (episodes - score.count - 1) // len(cuttable)
            if rounds == 0:
                break
            target = now.excess * (1 - 1 / rounds)
            cuts = [_cut(budgets, now.kept_counts, index, target) for index in cuttable]
            tried = [
                _Point(kept_counts, value, budgets.excess(kept_counts))
                for kept_counts, value in zip(cuts, score.all(cuts), strict=True)
            ]
            useful = [point for point in tried if point.excess < now.excess]
            if not useful:
                break
            now = min(useful, key=lambda point: (now.value - point.value) / (now.excess - point.excess))
        score(budgets.scale(now.kept_counts / whole))


def _cut(budgets: Budgets, kept_counts: KeptCounts, index: int, target: float) -> KeptCounts:
    """`kept_counts` with the group `index` cut as little as brings the excess down to `target`.

    Where no cut of the group does, it is cut as far as it can be.
    """
    smaller = [choice for choice in budgets.choices[index] if choice < kept_counts[index]]
    cut = kept_counts.copy()
    for choice in reversed(smaller):
        cut[index] = choice
        if budgets.excess(cut) <= target:
            break
    return cut
