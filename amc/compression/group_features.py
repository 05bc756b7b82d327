"""Features of each channel group that weights and calibration images give before anything is pruned."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from amc.compression.compressor import Compressor
from amc.cost.budget import Budgets
from amc.cost.least_loss import least_loss
from amc.graph import KeptCounts, PruningGraph

SHARES = (0.25, 0.5, 0.75)
"""The shares of a group's units that are kept when its features are taken, to the nearest whole number of units."""
DECADES = 6
"""The change of the outputs counts as none where it is so many orders of magnitude below the outputs."""


@dataclass(frozen=True, eq=False)
class GroupFeatures:
    """What is known of each channel group when it keeps so many of its most important units, `(groups, SHARES)` each.

    Attributes:
        importance: The share of the group's importance that the kept units hold, in [0, 1].
        lost: The share of its consumers' output energy that least squares can't restore, in [0, 1]; 1 where they read
            what is no number.
        changes: The squared error of the network's outputs that is expected of it, relative to their energy
            (`amc.compression.output_changes`), 0 or more; what is lost, where no gradients pass through the network.
        shares: The share that is kept in truth, in (0, 1].
    """

    importance: NDArray[np.float64]
    lost: NDArray[np.float64]
    changes: NDArray[np.float64]
    shares: NDArray[np.float64]
    _least_changes: dict[Budgets, KeptCounts] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def unknown(cls, graph: PruningGraph) -> GroupFeatures:
        """Nothing, of each group of a graph."""
        none = np.zeros((len(graph.groups), 0))
        return cls(none, none, none, none)

    @cached_property
    def roots(self) -> tuple[PchipInterpolator, ...]:
        """The root of each group's expected change as a function of the share that it keeps, never rising with it.

        A second-order change is about the square of what is cut, so that its root is interpolated (Fritsch and Carlson
        1980), and continued by a straight line where less is kept.
        """
        made = []
        for changes, shares in zip(self.changes, self.shares, strict=True):
            known, places = np.unique(np.append(shares, 1.0), return_index=True)  # few units have few shares
            roots = np.sqrt(np.maximum.accumulate(np.append(changes, 0.0)[::-1])[::-1])[places]
            beyond = roots[0] + known[0] * float(((roots[:1] - roots[1:2]) / np.diff(known[:2])).sum())
            made.append(PchipInterpolator(np.append(0.0, known), np.append(beyond, roots)))
        return tuple(made)

    def expected_change(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum over groups of the change of the outputs that is expected of each, `(policies,)`; 0 if unknown.

        Args:
            shares: The share of its units that each group keeps, `(policies, groups)`.
        """
        if not self.changes.size:
            return np.zeros(len(shares))
        return np.sum([curve(each) ** 2 for curve, each in zip(self.roots, shares.T, strict=True)], axis=0)

    def least_change(self, budgets: Budgets) -> KeptCounts:
        """The policy `(groups,)` within the budgets of which the least change is expected; the uniform one if unknown.

        It is solved for once at each budget.
        """
        if budgets not in self._least_changes:
            self._least_changes[budgets] = self._solved(budgets)
        return self._least_changes[budgets]

    def _solved(self, budgets: Budgets) -> KeptCounts:
        if not self.changes.size:
            return budgets.uniform
        shares = [choices / full for choices, full in zip(budgets.choices, budgets.graph.full, strict=True)]
        return least_loss(budgets, [curve(each) ** 2 for curve, each in zip(self.roots, shares, strict=True)])

    @property
    def table(self) -> NDArray[np.float64]:
        """All of it in [0, 1], `(groups, features)`, with changes as orders of magnitude."""
        decades = 1 + np.log10(np.maximum(self.changes, 10.0**-DECADES)) / DECADES
        return np.hstack([self.importance, self.lost, np.clip(decades, 0.0, 1.0)])


def group_features(compressor: Compressor) -> GroupFeatures:
    """The features of each group of a network that is to be pruned."""
    graph = compressor.graph
    kept_counts = [np.maximum(1, np.round(share * graph.full)).astype(np.int64) for share in SHARES]
    masks = [compressor.mask(each) for each in kept_counts]
    importance, lost = (np.zeros((len(graph.groups), len(SHARES))) for _ in range(2))
    for column, mask in enumerate(masks):
        errors = compressor.reconstruction_errors(mask)
        for group in graph.groups:
            whole = compressor.importance[group.slice]
            importance[group.index, column] = whole[mask[group.slice]].sum() / max(whole.sum(), 1e-300)
            of_consumers = [errors.get(graph.layers[i].weight or "", 0.0) for i in group.consumers]
            lost[group.index, column] = np.nan_to_num(np.mean(of_consumers), nan=1.0)
    changes = compressor.output_changes(masks)
    shares = np.stack(kept_counts, axis=1) / graph.full[:, None]
    return GroupFeatures(importance, lost, lost if changes is None else changes, shares)
