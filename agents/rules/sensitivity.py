"""The rule of per-layer sensitivity: the accuracy that is lost when each group alone is cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.rules.rule import Rule, check_enough
from agents.strategy import Scores
from amc.graph import KeptCounts
from envs import PruningProblem

MOST_PROBES = 9
"""The largest number of sparsities at which a group is measured."""


class Sensitivity(Rule):
    """Measures the accuracy with each group alone cut to a few widths, and cuts all to a common loss (Li et al. 2017).

    Between the measured widths the loss is interpolated; it never falls where more is cut. The common loss is the
    smallest with which the network fits the budget.
    """

    def planned(self, problem: PruningProblem, episodes: int) -> int:
        """The measured widths of all groups, the whole network and the final policy together.

        Raises:
            UserError: There are too few episodes to measure each group once.
        """
        return 2 + sum(map(len, probes_of(problem, episodes)))

    def follow(self, problem: PruningProblem, episodes: int, score: Scores) -> None:
        """Score the whole network, each group cut alone, and at last the policy of the common loss."""
        whole = score(problem.graph.full)
        lost = [
            loss_curve(
                choices,
                probes,
                whole - np.array(score.all([alone(problem.graph.full, index, keep) for keep in probes])),
            )
            for index, (choices, probes) in enumerate(
                zip(problem.budgets.choices, probes_of(problem, episodes), strict=True)
            )
        ]
        most = max(float(each.max()) for each in lost)

        def kept_counts_at(level: NDArray[np.float64]) -> KeptCounts:
            return np.array(
                [
                    choices[np.argmax(each <= most - level)]
                    for choices, each in zip(problem.budgets.choices, lost, strict=True)
                ],
                dtype=np.int64,
            )

        score(problem.budgets.fit(kept_counts_at, most))


def probes_of(problem: PruningProblem, episodes: int) -> list[NDArray[np.int64]]:
    """For each group the kept counts at which it is measured, ascending and equally far apart from the least one on."""
    check_enough("sensitivity", problem, episodes)
    count = min(MOST_PROBES, (episodes - 2) // len(problem.graph.groups))
    places = (np.unique(np.rint(np.linspace(0, len(each) - 1, count + 1)))[:-1] for each in problem.budgets.choices)
    return [each[place.astype(np.int64)] for each, place in zip(problem.budgets.choices, places, strict=True)]


def alone(kept_counts: KeptCounts, index: int, keep: int) -> KeptCounts:
    """The policy `kept_counts` `(groups,)` with another number of units of one group."""
    changed = kept_counts.copy()
    changed[index] = keep
    return changed


def loss_curve(
    choices: NDArray[np.int64], probes: NDArray[np.int64], losses: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The loss at every choice `(choices,)`, interpolated between the probes; 0 for the whole group."""
    monotone = np.maximum.accumulate(np.append(losses, 0.0)[::-1])[::-1]
    return np.interp(choices, np.append(probes, choices[-1]), monotone)
