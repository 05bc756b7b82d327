"""The rule of the knapsack: a table of what each group loses at each width, and the best policy by the table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.rules.rule import Rule, check_enough
from agents.rules.sensitivity import alone, loss_curve, probes_of
from agents.strategy import Scores
from amc.cost.least_loss import least_loss
from amc.graph import KeptCounts
from envs import PruningProblem

SHARE_OF_TABLE = 0.5
"""The share of the episodes in which the table is measured on the whole network; the others are near the policy."""
STEPS = (0.25, 0.12, 0.06)
"""How far a group is cut and widened around the policy, as a share of what it keeps, round after round."""


class Knapsack(Rule):
    """Measures each group alone cut to a few widths, and solves a knapsack for the least sum of losses (OBC, SPDY).

    Losses of groups do not add up where many are cut at once (EvoPress, Sieberling et al. 2024). So with the episodes
    that are left, each group is widened and cut a little around the solution, the table is corrected there, and solved
    again.
    """

    def planned(self, problem: PruningProblem, episodes: int) -> int:
        """All `episodes` at the most.

        Raises:
            UserError: There are too few episodes to measure each group once.
        """
        check_enough("knapsack", problem, episodes)
        return episodes

    def follow(self, problem: PruningProblem, episodes: int, score: Scores) -> None:
        """Score the whole network, each group cut alone, the policy of the table, and then around it."""
        budgets, groups = problem.budgets, len(problem.graph.groups)
        probes = probes_of(problem, max(groups + 2, int(SHARE_OF_TABLE * episodes)))
        whole = score(problem.graph.full)
        losses = [
            loss_curve(
                choices, kept, whole - np.array(score.all([alone(problem.graph.full, index, each) for each in kept]))
            )
            for index, (choices, kept) in enumerate(zip(budgets.choices, probes, strict=True))
        ]
        best = least_loss(budgets, losses)
        reached = score(best)
        for step in STEPS:
            near = _neighbours(problem, best, step)
            if score.count + len(near) + 1 > episodes or not near:
                break
            found = score.all([alone(best, index, keep) for index, keep in near])
            for (index, keep), accuracy in zip(near, found, strict=True):
                losses[index] = _corrected(
                    budgets.choices[index], losses[index], int(best[index]), keep, reached - accuracy
                )
            policy = least_loss(budgets, [np.maximum.accumulate(each[::-1])[::-1] for each in losses])
            accuracy = score(policy)
            if accuracy > reached:
                best, reached = policy, accuracy


def _neighbours(problem: PruningProblem, kept_counts: KeptCounts, step: float) -> list[tuple[int, int]]:
    """Groups with a smaller and a larger width than `kept_counts` has, about `step` of it away."""
    found = []
    for index, (choices, kept) in enumerate(zip(problem.budgets.choices, kept_counts.tolist(), strict=True)):
        for part, wanted in (
            (choices[choices < kept], kept * (1 - step)),
            (choices[choices > kept], kept * (1 + step)),
        ):
            if len(part):
                found.append((index, int(part[np.argmin(np.abs(part - wanted))])))
    return found


def _corrected(
    choices: NDArray[np.int64], losses: NDArray[np.float64], kept: int, near: int, loss: float
) -> NDArray[np.float64]:
    """The losses `(choices,)`, of which the difference between the widths `kept` and `near` is now `loss`.

    Between them it is shared out evenly; widths beyond `near` move with it.
    """
    at, to = int(np.searchsorted(choices, kept)), int(np.searchsorted(choices, near))
    change = loss - (losses[to] - losses[at])
    distance = np.clip((np.arange(len(choices)) - at) / (to - at), 0, 1)
    corrected: NDArray[np.float64] = losses + change * distance
    return corrected
