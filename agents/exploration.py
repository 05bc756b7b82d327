"""Random variations of policies: step by step around an actor's output, or as whole policies scaled to the budget.

Noise that is drawn step by step feels the budget late, so that the first groups stay free and the last are forced. A
whole policy that is varied and then scaled by one common factor treats all groups alike.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from amc.cost.budget import Budgets
from amc.graph import KeptCounts


def warmup_of(episodes: int) -> int:
    """The number of a search's `episodes` that explore before an agent learns from them."""
    return min(100, episodes // 4)


def truncated_normal(rng: np.random.Generator, mean: float, sigma: float, low: float, high: float) -> float:
    """A draw from the normal distribution with `mean` and deviation `sigma`, truncated to [low, high]."""
    if sigma <= 0 or high <= low:
        return float(np.clip(mean, low, high))
    probability = rng.uniform(ndtr((low - mean) / sigma), ndtr((high - mean) / sigma))
    return float(np.clip(mean + sigma * ndtri(probability), low, high))


def random_policy(rng: np.random.Generator, budgets: Budgets) -> KeptCounts:
    """The kept counts `(groups,)` of a random policy that is scaled to the budgets.

    The kept shares have a random trend over depth, and noise of random strength. Without budgets they are taken as they
    come, around a random level.
    """
    groups = len(budgets.graph.groups)
    depth = np.linspace(-1.0, 1.0, groups)
    trend = rng.normal(0.0, 0.4) * depth + rng.normal(0.0, 0.3) * (depth**2 - 0.5)
    noise = rng.uniform(0.1, 0.6) * rng.normal(size=groups)
    level = rng.uniform(0.2, 1.0) if not budgets.limits else 1.0
    return budgets.scale(level * np.exp(trend + noise))


def varied_policies(
    rng: np.random.Generator, budgets: Budgets, kept_counts: KeptCounts, sigma: float, count: int, first: int = 0
) -> KeptCounts:
    """The policy `kept_counts`, varied `count` times from group `first` on and scaled back to the budget there.

    A random number of groups (from one to all, uniform on a log scale) change by factors whose logarithm has the
    deviation `sigma`.

    Returns:
        Kept counts, `(count, groups)`.
    """
    groups = len(kept_counts) - first
    factors = np.ones((count, len(kept_counts)))
    for each in factors[:, first:]:
        changes = int(np.exp(rng.uniform(0.0, np.log(groups + 1))))
        chosen = rng.permutation(groups)[: max(1, min(changes, groups))]
        each[chosen] = np.exp(sigma * rng.normal(size=len(chosen)))
    return budgets.scale(factors * (kept_counts / budgets.graph.full), kept_counts[:first].tolist())
