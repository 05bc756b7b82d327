"""The division of a cost among the channel groups that are responsible for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amc.cost.costs import Cost
from amc.graph import KeptCounts


def costs_of_groups(cost: Cost, full: KeptCounts) -> NDArray[np.float64]:
    """Divide each term of a cost among the groups whose channels it is a product of, float64 `(terms, groups)`.

    A term that one group alone decides on is that group's. A term that is a product of the channels of two groups, such
    as the MACs of a layer from one to the other, is half that of each: neither saves anything of it where the other is
    empty. What is left of a term is that of channels which can't be cut. This is the Aumann-Shapley value (Aumann and
    Shapley 1974), which for a product of two kept counts is the Shapley value of its groups.

    Args:
        cost: The cost.
        full: The number of units of each group, `(groups,)`.
    """
    channels = np.vstack([cost.lengths.per_unit * full, np.zeros_like(full)])  # the last row is the factor of 1
    fixed = np.append(cost.lengths.fixed, 1)
    terms, factors = cost.factors.shape
    divided = np.zeros((terms, len(full)))
    nodes, weights = np.polynomial.legendre.leggauss(max(1, (factors + 1) // 2))  # exact: products of `factors` lengths
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        lengths = (fixed + node * channels.sum(axis=1))[cost.factors]
        for place in range(factors):
            others = np.delete(lengths, place, axis=1).prod(axis=1)
            divided += weight * (cost.coefficients * others)[:, None] * channels[cost.factors[:, place]]
    return divided
