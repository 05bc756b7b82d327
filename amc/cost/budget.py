"""Budgets: what the pruned network may cost, and which kept counts leave that reachable.

Everything works on integer counts, after rounding, and from both sides. The largest feasible count of a group is the
largest that fits every budget with all later groups at their smallest; the smallest feasible count is the largest that
fits with all later groups full, since one below it would leave room that nothing later could use. So the final network
never exceeds a budget, and its last decided group could not have taken one more step. This replaces the one-sided bound
of AMC's Algorithm 1 (He et al. 2018, section 3.2), which leaves networks needlessly far under the budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from amc.cost.costs import COSTS, cost_of_each, format_cost
from amc.cost.limit import Costs, as_budgets, has_unit, parse_limit
from amc.graph import KeptCounts, PruningGraph
from amc.utils.errors import UserError

_NEVER = np.int64(2**62)
_BISECTIONS = 40  # halves the interval of levels below any difference between two policies


class Budgets:
    """Several limits at once over one graph, and the kept counts that they allow.

    Args:
        graph: The graph of the network that is pruned.
        limits: Budgets as in `amc.cost.limit.parse_limit`, one of each kind at the most.
        whole: The graph of the original network, of whose cost shares are, where that is not `graph`.
        costs: The kinds of cost that there are.

    Raises:
        UserError: A budget can't be read, or can't be reached; the message names the smallest share that can.
    """

    def __init__(
        self, graph: PruningGraph, limits: Sequence[str], whole: PruningGraph | None = None, costs: Costs = COSTS
    ) -> None:
        """Read `limits` and check that each can be reached."""
        self.graph = graph
        self.limits = tuple(parse_limit(text, graph, whole, costs) for text in as_budgets(limits))
        self.choices = [np.array(group.choices, dtype=np.int64) for group in graph.groups]
        longest = max(map(len, self.choices), default=0)
        self._table = np.full((len(self.choices), longest), _NEVER)  # a row of choices for each group
        for row, each in zip(self._table, self.choices, strict=True):
            row[: len(each)] = each
        self._counts = np.array([len(each) for each in self.choices], dtype=np.int64)
        kinds = [limit.kind for limit in self.limits]
        if len(set(kinds)) < len(kinds):
            raise UserError(
                f"one budget of each kind at the most, got {' '.join(limit.asked for limit in self.limits)}"
            )
        for limit in self.limits:
            least = limit.cost(graph.least)
            if least > limit.most:
                share = math.ceil(1000 * least / limit.original) / 1000
                what = format_cost(limit.kind, least) + ("" if has_unit(limit.kind) else f" {limit.kind}")
                amount = limit.asked.partition("=")[2]
                read = (
                    f"; {amount} is read as an amount, since a share is at most 1"
                    if amount.isdigit() and int(amount) > 1
                    else ""
                )
                raise UserError(
                    f"budget {limit.asked} can't be reached: the least that pruning can leave is {what} "
                    f"({limit.kind}={share:g}){read}"
                )

    def allows(self, kept_counts: KeptCounts) -> bool:
        """Return whether the kept counts `(groups,)` exceed no limit."""
        return all(limit.cost(kept_counts) <= limit.most for limit in self.limits)

    def allows_each(self, kept_counts: KeptCounts) -> NDArray[np.bool_]:
        """Return whether each of several networks exceeds no limit: bool `(...)`, for kept counts `(..., groups)`."""
        allowed = np.ones(kept_counts.shape[:-1], dtype=np.bool_)
        for limit in self.limits:
            allowed &= cost_of_each(limit.cost, kept_counts) <= limit.most
        return allowed

    @property
    def uniform(self) -> KeptCounts:
        """The policy `(groups,)` that keeps the same share of every group and fills the budget."""
        return self.scale(np.ones(len(self.graph.groups)))

    def excess(self, kept_counts: KeptCounts) -> float:
        """Return by how much limits are exceeded, in shares of the whole network's cost, summed over the limits."""
        return sum(max(limit.cost(kept_counts) - limit.most, 0.0) / limit.original for limit in self.limits)

    def pressure(self, most: KeptCounts, least: KeptCounts) -> NDArray[np.float64]:
        """Return the share of what can be saved between kept counts `most` and `least` that must be saved, in [0, 1].

        Kept counts are `(..., groups)`, the result is `(...)`.
        """
        pressure = np.zeros(most.shape[:-1])
        for limit in self.limits:
            high, low = (cost_of_each(limit.cost, kept_counts) for kept_counts in (most, least))
            share = np.where(high > low, (high - limit.most) / np.maximum(high - low, 1e-12), 1.0)
            pressure = np.maximum(pressure, np.where(high > limit.most, share, 0.0))
        return np.minimum(pressure, 1.0)

    def interval(self, decided: Sequence[int]) -> tuple[int, int]:
        """Return the smallest and the largest feasible count of the next group, given the counts decided so far."""
        index = len(decided)
        rows = np.array([[*decided, *later[index:]] for later in (self.graph.full, self.graph.least)], dtype=np.int64)
        least, largest = self.largest(rows, np.array([index, index])).tolist()
        return (least if self.limits else int(self.choices[index][0])), largest

    def intervals(self, kept_counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the feasible interval of every group of several policies, given each policy's earlier groups.

        Args:
            kept_counts: Kept counts of each policy, `(policies, groups)`.

        Returns:
            Smallest and largest feasible count, `(policies, groups, 2)`.
        """
        count, groups = kept_counts.shape
        is_decided = np.arange(groups) < np.arange(groups)[:, None]
        rows = [np.where(is_decided, kept_counts[:, None], later) for later in (self.graph.full, self.graph.least)]
        places = np.tile(np.arange(groups), 2 * count)
        found = self.largest(np.stack(rows).reshape(-1, groups), places).reshape(2, count, groups)
        if not self.limits:
            found[0] = self._table[:, 0]
        return np.moveaxis(found, 0, -1)

    def largest(self, rows: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the largest choice of group `places[r]` that fits with the other counts of row `r`, by bisection.

        It is the smallest choice where none fits. Costs never decrease with a count, so bisection finds it.
        """
        rows, each = rows.copy(), np.arange(len(rows))
        low, high = np.full(len(rows), -1), self._counts[places] - 1
        while (is_open := low < high).any():
            middle = np.maximum((low + high + 1) // 2, 0)
            rows[each, places] = self._table[places, middle]
            fits = self.allows_each(rows)
            low = np.where(is_open & fits, middle, low)
            high = np.where(is_open & ~fits, middle - 1, high)
        largest: NDArray[np.int64] = self._table[places, np.maximum(low, 0)]
        return largest

    def nearest_within(self, index: int, interval: tuple[int, int], sparsity: float) -> int:
        """Return the choice of group `index` in `interval`, both ends included, nearest to `sparsity` in [0, 1]."""
        choices = self.choices[index]
        allowed = choices[(choices >= interval[0]) & (choices <= interval[1])]
        wanted = (1.0 - sparsity) * self.graph.groups[index].units
        return int(allowed[np.argmin(np.abs(allowed - wanted))])

    def nearest(self, shares: NDArray[np.float64]) -> KeptCounts:
        """Return the choices nearest to the wanted shares `(..., groups)`, whatever the budget."""
        wanted = np.clip(shares, 0.0, 1.0) * self.graph.full
        places = np.argmin(np.abs(self._table - wanted[..., None]), axis=-1)
        return self._table[np.arange(len(self._table)), places]

    def scale(self, shares: NDArray[np.float64], decided: Sequence[int] = ()) -> KeptCounts:
        """Turn the wanted shares `(..., groups)`, all above 0, into kept counts that fill the budget.

        All shares of a policy are multiplied by the largest common factor that fits and rounded to the nearest choice;
        the steps still affordable are handed out in forward order. Equal shares give the uniform policy. Without
        limits, the result is the nearest choices. The first groups keep what is `decided`, whatever their shares.
        """
        first = len(decided)

        def kept_counts_at(factors: NDArray[np.float64]) -> KeptCounts:
            kept_counts = self.nearest(factors[..., None] * shares)
            kept_counts[..., :first] = decided
            return kept_counts

        if not self.limits:
            return kept_counts_at(np.ones(shares.shape[:-1]))
        return self.fit(kept_counts_at, 1.0 / shares[..., first:].min(axis=-1, initial=1.0), first)

    def fit(
        self,
        kept_counts_at: Callable[[NDArray[np.float64]], KeptCounts],
        most: NDArray[np.float64] | float,
        first: int = 0,
    ) -> KeptCounts:
        """Return the kept counts at the highest levels up to `most` that fit every budget, filled up.

        `kept_counts_at` gives the kept counts `(..., groups)` of policies at levels `(...)`: the smallest ones at 0,
        and never fewer at a higher level. Groups before `first` are not filled up.
        """
        high = np.asarray(most, dtype=np.float64)
        low = np.zeros_like(high)
        fits, exceeds = kept_counts_at(low), kept_counts_at(high)
        fits = np.where(self.allows_each(exceeds)[..., None], exceeds, fits)
        for _ in range(_BISECTIONS):
            between = (self._table > fits[..., None]) & (self._table <= exceeds[..., None])
            is_open = np.asarray(between.sum(axis=(-2, -1)) > 1)
            if not is_open.any():
                break
            middle = (low + high) / 2
            kept_counts = kept_counts_at(middle)
            fit = is_open.copy()
            fit[is_open] = self.allows_each(kept_counts[is_open])
            exceed = is_open & ~fit
            low, high = np.where(fit, middle, low), np.where(exceed, middle, high)
            fits, exceeds = (
                np.where(fit[..., None], kept_counts, fits),
                np.where(exceed[..., None], kept_counts, exceeds),
            )
        return self.fill(fits, first)

    def fill(self, kept_counts: KeptCounts, first: int = 0) -> KeptCounts:
        """Hand out the steps that are still affordable, one a group in forward order from `first` on, until none is.

        Kept counts are `(..., groups)`; each policy is filled up by itself.
        """
        *policies, groups = kept_counts.shape
        rows = kept_counts.reshape(math.prod(policies), groups).copy()
        left = np.arange(len(rows))
        while len(left):
            grown = np.zeros(len(left), dtype=np.bool_)
            for index, choices in enumerate(self.choices[first:], first):
                larger = rows[left]
                place = np.searchsorted(choices, larger[:, index], side="right")
                grows = place < len(choices)
                larger[:, index] = choices[np.minimum(place, len(choices) - 1)]
                grows[grows] = self.allows_each(larger[grows])
                rows[left[grows]] = larger[grows]
                grown |= grows
            left = left[grown]
        return rows.reshape(kept_counts.shape)
