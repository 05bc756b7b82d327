"""The observations of an agent before it decides a group.

An observation set is built once for a network; for each step it then only fills in what depends on the decisions so
far. All features are about [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from amc.compression.group_features import GroupFeatures
from amc.cost.budget import Budgets
from amc.cost.costs import cost_of_each, macs
from amc.graph import Group, KeptCounts, PruningGraph
from amc.utils.errors import UserError
from amc.utils.registry import UserFunction, resolve

Features = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Decisions:
    """The decisions so far in several episodes, a row each.

    Attributes:
        kept_counts: The kept counts, of which those before the next group are decided, `(rows, groups)`.
        index: The index of the next group, `(rows,)`.
        intervals: The least and the largest feasible sparsity of that group, `(rows, 2)`.
        previous: The sparsity of the group before it, `(rows,)`.
    """

    kept_counts: NDArray[np.int64]
    index: NDArray[np.int64]
    intervals: NDArray[np.float64]
    previous: NDArray[np.float64]

    def followed_by(self, later: KeptCounts) -> NDArray[np.int64]:
        """The kept counts `(rows, groups)` when the groups still to be decided keep `later` `(groups,)`."""
        return np.where(np.arange(len(later)) < self.index[:, None], self.kept_counts, later)


class Observation(Protocol):
    """An observation set, built for one network: the features of any group, given the decisions before it."""

    @property
    def version(self) -> int:
        """A number that changes with the meaning of any feature."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in order."""

    def __call__(self, decisions: Decisions) -> Features:
        """The features of the next group, float32 `(rows, len(names))`."""


class PaperObservation:
    """The 11 features of AMC (He et al. 2018, section 3.1), each scaled to [0, 1] over the network's groups.

    The layer of a group is its first producer. Unlike the released code, `reduced` and `rest` are both in MACs.
    """

    version: ClassVar[int] = 1
    names = ("t", "n", "c", "h", "w", "stride", "k", "macs", "reduced", "rest", "previous_action")

    def __init__(self, graph: PruningGraph, budgets: Budgets, group_features: GroupFeatures) -> None:
        del budgets, group_features  # the paper's agent sees neither
        self._macs = macs(graph)
        self._graph = graph
        fixed = np.array([_shape_features(graph, group) for group in graph.groups], dtype=np.float64)
        low, high = fixed.min(axis=0), fixed.max(axis=0)
        self._fixed = (fixed - low) / np.where(high > low, high - low, 1.0)
        self._whole = self._macs(graph.full)
        self._own = np.array([_own_macs(graph, group) for group in graph.groups])

    def __call__(self, decisions: Decisions) -> Features:
        """The features of the next group, float32 `(rows, len(names))`."""
        reduced = self._whole - cost_of_each(self._macs, decisions.followed_by(self._graph.full))
        rest = self._own.sum() - np.cumsum(self._own)[decisions.index]
        changing = [reduced / self._whole, rest / self._whole, decisions.previous]
        return np.column_stack([self._fixed[decisions.index], *changing]).astype(np.float32)


class ScaleFreeObservation:
    """Shares and logarithms instead of absolute sizes, so that an agent can be carried to another network.

    It adds the budget (how much of what can still be saved must be saved), the feasible interval, and what weights and
    calibration images say: `group_features` at a few sparsities, and the group's sparsity in the policy of which the
    least change of the outputs is expected (`amc.compression.group_features`).
    """

    version: ClassVar[int] = 2

    def __init__(self, graph: PruningGraph, budgets: Budgets, group_features: GroupFeatures) -> None:
        self._graph, self._budgets = graph, budgets
        self._macs = macs(graph)
        self._whole = self._macs(graph.full)
        shapes = np.array([_shape_features(graph, group) for group in graph.groups], dtype=np.float64)
        t, n, c, h, w, stride, kernel, _ = shapes.T
        span = max(len(graph.groups) - 1, 1)
        saved = self._savings()
        hints = group_features.table
        self._fixed = np.column_stack(
            [
                t / span,
                np.log2(n) / 12,
                np.log2(np.maximum(c, 1)) / 12,
                np.log2(np.maximum(h * w, 1)) / 16,
                (stride - 1) / 3,
                np.log2(np.maximum(kernel, 1)) / 3,
                saved / self._whole,
                saved / max(saved.max(initial=0), 1),
                np.array([len(group.consumers) for group in graph.groups]) / len(graph.layers),
                hints,
                1 - group_features.least_change(budgets) / graph.full,
            ]
        )
        self.names = (
            "depth",
            "log_width",
            "log_inputs",
            "log_area",
            "stride",
            "log_kernel",
            "share_of_macs",
            "macs_over_largest",
            "consumers",
            *(f"hint_{i}" for i in range(hints.shape[1])),
            "least_change",
            "pressure",
            "saved",
            "rest",
            "lowest_sparsity",
            "highest_sparsity",
            "previous_action",
        )

    def __call__(self, decisions: Decisions) -> Features:
        """The features of the next group, float32 `(rows, len(names))`."""
        with_full, with_least = (decisions.followed_by(later) for later in (self._graph.full, self._graph.least))
        most, least = (cost_of_each(self._macs, kept_counts) for kept_counts in (with_full, with_least))
        changing = [
            self._budgets.pressure(with_full, with_least),
            1 - most / self._whole,
            (most - least) / self._whole,
            decisions.intervals,
            decisions.previous,
        ]
        rows = np.column_stack([self._fixed[decisions.index], *changing])
        return np.clip(rows, 0.0, 1.0).astype(np.float32)

    def _savings(self) -> NDArray[np.float64]:
        """The MACs that are saved by cutting each group alone as far as it can be, `(groups,)`."""
        saved = []
        for group in self._graph.groups:
            kept_counts = self._graph.full
            kept_counts[group.index] = self._graph.least[group.index]
            saved.append(self._whole - self._macs(kept_counts))
        return np.array(saved, dtype=np.float64)


MakeObservation = Callable[[PruningGraph, Budgets, GroupFeatures], Observation]
"""A function that makes an observation set of a graph, its budgets and its `GroupFeatures`, such as the set's class."""
OBSERVATIONS: dict[str, type[PaperObservation] | type[ScaleFreeObservation]] = {
    "scale_free": ScaleFreeObservation,
    "paper": PaperObservation,
}
"""The observation sets by name."""


def find_observation(given: str | MakeObservation) -> MakeObservation:
    """The observation set of that name, or the user's own: `path/to/file.py:function`, or from Python the class.

    Raises:
        UserError: There is no set of that name, or no such function. What it observes is checked when it does.
    """
    found = resolve("observation set", given, OBSERVATIONS)
    return partial(_CheckedObservation, found) if isinstance(found, UserFunction) else found


class _CheckedObservation:
    """An observation set of the user's own, whose features have to be finite numbers, as many as it has names."""

    def __init__(
        self, make: UserFunction, graph: PruningGraph, budgets: Budgets, group_features: GroupFeatures
    ) -> None:
        self._make = make
        self._own: Observation = make(graph, budgets, group_features)
        with make.errors_named():
            self.version = self._own.version
            self.names = tuple(self._own.names)

    def __call__(self, decisions: Decisions) -> Features:
        """The features of the next group, float32 `(rows, len(names))`."""
        with self._make.errors_named():
            features = np.asarray(self._own(decisions), dtype=np.float32)
        expected = (len(decisions.index), len(self.names))
        if features.shape != expected or not np.isfinite(features).all():
            raise UserError(
                f"observation set {self._make.name} returned features of shape {features.shape};"
                f" finite ones are needed, a row for each episode and a column for each name, {expected}"
            )
        return features


def _shape_features(graph: PruningGraph, group: Group) -> tuple[float, ...]:
    """The features (t, n, c, h, w, stride, k) of the group's first producer, and the MACs of all its producers."""
    layer = graph.layers[group.producers[0]]
    height = layer.input_size[0] if layer.input_size else 1
    width = layer.input_size[-1] if layer.input_size else 1
    stride = layer.stride[0] if layer.stride else 1
    kernel = layer.kernel[0] if layer.kernel else 1
    return group.index, group.width, len(layer.inputs), height, width, stride, kernel, _own_macs(graph, group)


def _own_macs(graph: PruningGraph, group: Group) -> int:
    """The MACs of the layers that produce the group when nothing is cut."""
    return sum(graph.layers[index].macs for index in group.producers)
