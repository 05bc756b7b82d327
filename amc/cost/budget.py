"""Budgets: what the pruned network may cost, and which keeps leave that reachable.

Everything works on integer keeps, after rounding, and from both sides. The largest feasible keep of a group is the
largest that fits every budget with all later groups at their least; the smallest feasible keep is the largest that fits
with all later groups full, since one below it would leave room that nothing later could use. So the final network never
exceeds a budget, and its last decided group could not have taken one more step. This replaces the one-sided wall of
AMC's Algorithm 1 (He et al. 2018, section 3.2), which leaves networks needlessly far under the budget.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from amc.cost.costs import COSTS, LATENCY, MEMORY, CostFunction, amount, cost_of_each
from amc.graph import KeptCounts, PruningGraph
from amc.utils.errors import UserError
from amc.utils.registry import look_up

_NEVER = np.int64(2**62)
_BISECTIONS = 40  # halves the interval of levels below any difference between two policies
_SUFFIXES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
MILLISECONDS = "ms"
_UNITS = {LATENCY: MILLISECONDS, MEMORY: "[KMG]?B|[KMG]"}  # of others: the suffixes
_EXAMPLES = {LATENCY: "3.2ms", MEMORY: "4MB"}

Costs = Mapping[str, Callable[[PruningGraph], CostFunction]]
"""Kinds of cost by name, and what makes each for a graph."""


@dataclass(frozen=True, eq=False)
class Limit:
    """One budget: a kind of cost, and the most of it that is allowed."""

    kind: str
    asked: str
    cost: CostFunction
    original: float
    most: float


def parse_limit(text: str, graph: PruningGraph, whole: PruningGraph | None = None, costs: Costs = COSTS) -> Limit:
    """Read `KIND=VALUE`: a share of the original as `macs=0.5`, or an amount.

    An amount is `macs=60M` (K, M, G are powers of 1000), `memory=4MB` or `latency=3.2ms`. `graph` is of the network
    that is pruned, `whole` of the original one where that is another, `costs` are the kinds that there are.

    Raises UserError for another form, an unknown kind, and values that are not in (0, 1] or above.
    """
    kind, _, value = text.partition("=")
    if not value:
        raise UserError(f"a budget is KIND=VALUE such as macs=0.5 or params=200K, got {text!r}")
    make = look_up("budget kind", kind, costs)
    units = _UNITS.get(kind, "[KMG]")
    match = re.fullmatch(rf"(\d+\.?\d*|\.\d+)({units})?", value, flags=re.IGNORECASE)
    number = Fraction(match[1]) if match else Fraction(0)  # exact: 0.29 of 100 is 29
    unit = (match[2] or "").upper() if match else ""
    is_share = not unit and number <= 1
    number *= _SUFFIXES.get(unit.removesuffix("B"), 1)
    if number <= 0 or not (is_share or (unit if kind == LATENCY else number == int(number))):
        example = f"{kind}={_EXAMPLES.get(kind, '60M')}"
        raise UserError(
            f"budget {text!r}: expected a share of the original in (0, 1] such as {kind}=0.5, "
            f"or an amount such as {example}, got {value!r}"
        )
    cost = make(graph)
    original = make(whole or graph)((whole or graph).full)
    return Limit(kind, text, cost, original, float(number * Fraction(original) if is_share else number))


class Budgets:
    """Several limits at once over one graph, and the keeps they allow.

    Shares are of the cost of the graph `whole` where that is given, else of `graph`'s own; `costs` are the kinds that
    there are.
    """

    def __init__(
        self, graph: PruningGraph, limits: Sequence[str], whole: PruningGraph | None = None, costs: Costs = COSTS
    ) -> None:
        """Read `limits`; raises UserError when one can't be reached, with the least share that can."""
        self.graph = graph
        self.limits = tuple(parse_limit(text, graph, whole, costs) for text in limits)
        self.choices = [np.array(group.choices, dtype=np.int64) for group in graph.groups]
        longest = max(map(len, self.choices), default=0)
        self._table = np.full((len(self.choices), longest), _NEVER)  # a row of choices for each group
        for row, each in zip(self._table, self.choices, strict=True):
            row[: len(each)] = each
        self._counts = np.array([len(each) for each in self.choices], dtype=np.int64)
        kinds = [limit.kind for limit in self.limits]
        if len(set(kinds)) < len(kinds):
            raise UserError(f"one budget of each kind at the most, got {' '.join(limits)}")
        for limit in self.limits:
            least = limit.cost(graph.least)
            if least > limit.most:
                share = math.ceil(1000 * least / limit.original) / 1000
                what = amount(limit.kind, least) + ("" if limit.kind in _UNITS else f" {limit.kind}")
                raise UserError(
                    f"budget {limit.asked} can't be reached: the least that pruning can leave is {what} "
                    f"({limit.kind}={share:g})"
                )

    def allows(self, kept_counts: KeptCounts) -> bool:
        """Whether no limit is exceeded."""
        return all(limit.cost(kept_counts) <= limit.most for limit in self.limits)

    def allows_each(self, kept_counts: KeptCounts) -> NDArray[np.bool_]:
        """The same of several networks: keeps `(..., groups)`, the answers `(...)`."""
        allowed = np.ones(kept_counts.shape[:-1], dtype=np.bool_)
        for limit in self.limits:
            allowed &= cost_of_each(limit.cost, kept_counts) <= limit.most
        return allowed

    def excess(self, kept_counts: KeptCounts) -> float:
        """By how much the limits are exceeded: shares of the whole network's cost, added up over the limits."""
        return sum(max(limit.cost(kept_counts) - limit.most, 0.0) / limit.original for limit in self.limits)

    def pressure(self, most: KeptCounts, least: KeptCounts) -> NDArray[np.float64]:
        """Of what can be saved between the keeps `most` and `least`, the share that must be saved, in [0, 1].

        Kept counts are `(..., groups)`, shares `(...)`.
        """
        pressure = np.zeros(most.shape[:-1])
        for limit in self.limits:
            high, low = (cost_of_each(limit.cost, kept_counts) for kept_counts in (most, least))
            share = np.where(high > low, (high - limit.most) / np.maximum(high - low, 1e-12), 1.0)
            pressure = np.maximum(pressure, np.where(high > limit.most, share, 0.0))
        return np.minimum(pressure, 1.0)

    def interval(self, decided: Sequence[int]) -> tuple[int, int]:
        """The least and the largest feasible keep of the next group, given those decided so far."""
        index = len(decided)
        rows = np.array([[*decided, *later[index:]] for later in (self.graph.full, self.graph.least)], dtype=np.int64)
        least, largest = self._largest(rows, np.array([index, index])).tolist()
        return (least if self.limits else int(self.choices[index][0])), largest

    def intervals(self, kept_counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same of every group of several policies, given what each keeps of the groups before it.

        Args:
            kept_counts: What each keeps of every group, `(policies, groups)`.

        Returns:
            Least and largest, `(policies, groups, 2)`.
        """
        count, groups = kept_counts.shape
        is_decided = np.arange(groups) < np.arange(groups)[:, None]
        rows = [np.where(is_decided, kept_counts[:, None], later) for later in (self.graph.full, self.graph.least)]
        places = np.tile(np.arange(groups), 2 * count)
        found = self._largest(np.stack(rows).reshape(-1, groups), places).reshape(2, count, groups)
        if not self.limits:
            found[0] = self._table[:, 0]
        return np.moveaxis(found, 0, -1)

    def _largest(self, rows: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The largest choice of group `places[r]` that fits with the other counts of row `r`; the least if none does.

        By bisection, since costs never decrease with a keep.
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
        """The keep of group `index` in `interval`, both ends included, that is nearest to `sparsity` in [0, 1]."""
        choices = self.choices[index]
        allowed = choices[(choices >= interval[0]) & (choices <= interval[1])]
        wanted = (1.0 - sparsity) * self.graph.groups[index].units
        return int(allowed[np.argmin(np.abs(allowed - wanted))])

    def nearest(self, shares: NDArray[np.float64]) -> KeptCounts:
        """The choices nearest to the wanted shares `(..., groups)`, each group for itself and whatever the budget."""
        wanted = np.clip(shares, 0.0, 1.0) * self.graph.full
        places = np.argmin(np.abs(self._table - wanted[..., None]), axis=-1)
        return self._table[np.arange(len(self._table)), places]

    def scale(self, shares: NDArray[np.float64], decided: Sequence[int] = ()) -> KeptCounts:
        """Turn the wanted shares `(..., groups)`, all above 0, into keeps that fill the budget.

        All shares of a policy are multiplied by the largest common factor that fits, rounded to the nearest choice; the
        steps still affordable are handed out in forward order. With equal shares this is the uniform policy. Without
        limits it is the nearest choices. The first groups keep what is `decided`, whatever their shares.
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
        """The keeps at the largest levels up to `most` that fit every budget, filled up.

        `kept_counts_at` gives the kept counts `(..., groups)` of policies at levels `(...)`: the least ones at 0, and
        never fewer at a higher level. Groups before `first` are not filled up.
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

        Kept counts are `(..., groups)`, those of each policy filled up for themselves.
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
