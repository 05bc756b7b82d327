"""The policy with the least sum of losses within the budgets, where each group's loss is known for each of its widths.

That is a multiple-choice knapsack: one width of each group, the sum of what they cost at most the budget. Costs are not
sums over groups, since a layer's MACs are a product of the widths on both of its sides. So the knapsack is solved
exactly for costs that are linearised at a policy, and again at its solution, until nothing changes. What products leave
to gain is found by exchanges of two groups' steps under the true costs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from amc.cost.budget import Budgets
from amc.cost.costs import cost_of_each
from amc.graph import KeptCounts

ROUNDS = 8
"""How often costs are linearised at the most."""
GAP = 1e-4
"""The relative gap to the best knapsack of linearised costs that is good enough."""
HOPELESS = 2.0
"""What a group alone loses at the most in the eyes of the solver, in units of what is known to be possible."""
NEGLIGIBLE = 1e-12
"""The gain, relative to all losses, for which nothing is changed any more."""


def least_loss(budgets: Budgets, losses: Sequence[NDArray[np.float64]]) -> KeptCounts:
    """The kept counts `(groups,)` within every budget that have the least sum of losses, and fill the budget.

    With costs that are sums over groups it is the least there is, but for a gap of 0.01 %; where neighbours' widths
    multiply, exchanging one step of a group for one or two of another gains nothing.

    Args:
        budgets: The limits.
        losses: What each group loses at each of `budgets.choices[g]`, `(choices,)`; never more where more is kept.
    """
    if not budgets.limits or not len(losses):
        return budgets.graph.full
    curves = _Curves(budgets, losses)
    best = kept_counts = budgets.uniform
    for _ in range(ROUNDS):
        following = curves.repaired(curves.linearised(kept_counts))
        if curves.loss(following) < curves.loss(best):
            best = following
        if np.array_equal(following, kept_counts):
            break
        kept_counts = following
    return curves.exchanged(budgets.fill(best))


class _Curves:
    """The loss of each choice of each group above its least one, and searches for the least sum of them."""

    def __init__(self, budgets: Budgets, losses: Sequence[NDArray[np.float64]]) -> None:
        self._budgets = budgets
        self._choices = budgets.choices
        self._losses = [np.asarray(each, dtype=np.float64) - np.min(each) for each in losses]
        self._negligible = NEGLIGIBLE * sum(float(np.ptp(each)) for each in self._losses)

    def loss(self, kept_counts: KeptCounts) -> float:
        """The sum of what the groups lose."""
        return float(sum(each[place] for each, place in zip(self._losses, self._places(kept_counts), strict=True)))

    def _places(self, kept_counts: KeptCounts) -> list[int]:
        return [int(np.searchsorted(each, kept)) for each, kept in zip(self._choices, kept_counts, strict=True)]

    def linearised(self, kept_counts: KeptCounts) -> KeptCounts:
        """The best choices where costs are those of `kept_counts` and of what each group alone changes of them.

        The solver counts what is lost in units of what `kept_counts` loses, since its tolerances are absolute. Those
        are among the choices that it has, so that a group which alone loses more is no part of the best ones.
        """
        budgets, unit = self._budgets, self.loss(kept_counts)
        if unit == 0:
            return kept_counts
        sizes = [len(each) for each in self._choices]
        group = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.repeat(kept_counts[None], len(group), axis=0)
        rows[np.arange(len(group)), group] = np.concatenate(self._choices)
        costs, room = [], []
        for limit in budgets.limits:
            now = float(limit.cost(kept_counts))
            costs.append((cost_of_each(limit.cost, rows) - now) / limit.original)
            room.append((limit.most - now) / limit.original)
        one_each = csr_array((np.ones(len(group)), (group, np.arange(len(group)))))
        found = milp(
            np.minimum(np.concatenate(self._losses) / unit, HOPELESS),
            integrality=np.ones(len(group)),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(one_each, 1, 1), LinearConstraint(np.array(costs), -np.inf, np.array(room))],
            options={"mip_rel_gap": GAP},
        )
        if found.x is None:  # where linear costs can't be met
            return budgets.graph.least
        chosen = np.split(found.x, np.cumsum(sizes)[:-1])
        return np.array([each[np.argmax(x)] for each, x in zip(self._choices, chosen, strict=True)], dtype=np.int64)

    def repaired(self, kept_counts: KeptCounts) -> KeptCounts:
        """The policy, cut one step at a time where that loses least for what it saves until it is within the budgets.

        It is then filled up.
        """
        budgets = self._budgets
        while not budgets.allows(kept_counts):
            steps = [(index, place) for index, place in enumerate(self._places(kept_counts)) if place > 0]
            excess = budgets.excess(kept_counts)

            def rate(step: tuple[int, int], now: KeptCounts = kept_counts, excess: float = excess) -> float:
                saved = excess - budgets.excess(self._stepped(now, step[0], -1))
                return self._gain(step[0], step[1], -1) / saved if saved > 0 else -np.inf

            index, _ = max(steps, key=rate)
            kept_counts = self._stepped(kept_counts, index, -1)
        return budgets.fill(kept_counts)

    def exchanged(self, kept_counts: KeptCounts) -> KeptCounts:
        """The policy after all exchanges that gain: one step more of a group for one or two less of another."""
        while True:
            places = self._places(kept_counts)
            up = [(index, 1) for index, place in enumerate(places) if place + 1 < len(self._choices[index])]
            down = [(index, -by) for index, place in enumerate(places) for by in (1, 2) if place >= by]
            gains = {step: self._gain(step[0], places[step[0]], step[1]) for step in (*up, *down)}
            pairs = [
                (gains[more] + gains[less], more, less)
                for more in up
                for less in down
                if more[0] != less[0] and gains[more] + gains[less] > self._negligible
            ]
            if not pairs:
                return kept_counts
            pairs.sort(key=lambda pair: -pair[0])
            rows = np.stack([self._stepped(self._stepped(kept_counts, *more), *less) for _, more, less in pairs])
            allowed = np.flatnonzero(self._budgets.allows_each(rows))
            if not len(allowed):
                return kept_counts
            kept_counts = self._budgets.fill(rows[allowed[0]])

    def _gain(self, index: int, place: int, by: int) -> float:
        """What the group loses less with so many steps more, which may be negative, as what they gain."""
        return float(self._losses[index][place] - self._losses[index][place + by])

    def _stepped(self, kept_counts: KeptCounts, index: int, by: int) -> KeptCounts:
        changed = kept_counts.copy()
        choices = self._choices[index]
        changed[index] = choices[int(np.searchsorted(choices, kept_counts[index])) + by]
        return changed
