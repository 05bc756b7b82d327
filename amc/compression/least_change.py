"""The policy of which the least change of the network's outputs is expected, before any is scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc.compression.group_features import GroupFeatures
from amc.cost.budget import Budgets
from amc.cost.least_loss import least_loss
from amc.graph import KeptCounts


def least_change(budgets: Budgets, features: GroupFeatures) -> KeptCounts:
    """The policy `(groups,)` within the budgets with the least sum of expected changes; the uniform one if unknown.

    Args:
        budgets: What the policy may cost.
        features: What is known of each group (`amc.compression.group_features`).
    """
    if not features.changes.size:
        return budgets.scale(np.ones(len(budgets.graph.groups)))
    shares = [choices / full for choices, full in zip(budgets.choices, budgets.graph.full, strict=True)]
    return least_loss(budgets, [curve(each) ** 2 for curve, each in zip(features.roots, shares, strict=True)])


def expected_change(features: GroupFeatures, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over groups of the change of the outputs that is expected of each, `(policies,)`; 0 if unknown.

    Args:
        features: What is known of each group.
        shares: The share of its units that each group keeps, `(policies, groups)`.
    """
    if not features.changes.size:
        return np.zeros(len(shares))
    return np.sum([curve(each) ** 2 for curve, each in zip(features.roots, shares.T, strict=True)], axis=0)
