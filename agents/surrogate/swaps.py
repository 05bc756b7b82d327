"""Swaps of many policies at once: some group keeps less, another as much more as the budget then allows."""

from __future__ import annotations

import numpy as np

from amc.cost.budget import Budgets
from amc.graph import KeptCounts

LARGEST_CUT = 0.5
"""The largest share of what a group keeps that a swap takes from it."""


def swapped_policies(budgets: Budgets, policies: KeptCounts, rng: np.random.Generator) -> KeptCounts:
    """Each of the policies `(n, groups)` after a swap of two random groups, filled up to the budgets."""
    count, groups = policies.shape
    rows: KeptCounts = policies.copy()
    each = np.arange(count)
    less = rng.integers(groups, size=(count,))
    more = (less + rng.integers(1, max(groups, 2), size=(count,))) % groups
    wanted = rows[each, less] * (1 - rng.uniform(0, LARGEST_CUT, size=count))
    for place in range(count):
        index = int(less[place])
        choices = budgets.choices[index]
        smaller = choices[choices < rows[place, index]]
        if len(smaller):
            rows[place, index] = smaller[np.argmin(np.abs(smaller - wanted[place]))]
    largest = budgets.largest(rows, more)
    rows[each, more] = np.maximum(rows[each, more], largest)
    return budgets.fill(rows)
