"""The policy of which the least change of the network's outputs is expected, before any is scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from amc.compression.group_features import SHARES, GroupFeatures
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
    return least_loss(budgets, [_curve(*each) for each in zip(features.changes, shares, strict=True)])


def expected_change(features: GroupFeatures, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over groups of the change of the outputs that is expected of each, `(policies,)`; 0 if unknown.

    Args:
        features: What is known of each group.
        shares: The share of its units that each group keeps, `(policies, groups)`.
    """
    if not features.changes.size:
        return np.zeros(len(shares))
    curves = [_curve(*each) for each in zip(features.changes, shares.T, strict=True)]
    return np.sum(curves, axis=0)


def _curve(changes: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The expected change of one group at each share that it may keep, never more where more is kept.

    A second-order change is about the square of what is cut, so that its root is interpolated (Fritsch and Carlson
    1980), and continued by a straight line.
    """
    known = np.array([*SHARES, 1.0])
    roots = np.sqrt(np.maximum.accumulate(np.append(changes, 0.0)[::-1])[::-1])
    beyond = roots[0] + (roots[0] - roots[1]) * known[0] / (known[1] - known[0])
    curve = PchipInterpolator(np.append(0.0, known), np.append(beyond, roots))(shares)
    return np.square(curve)
