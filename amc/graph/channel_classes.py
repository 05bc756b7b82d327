"""Tied channels resolved into classes, and classes into the candidates for channel groups."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from amc.graph.channels import Atoms, Label, components
from amc.graph.products import resolve
from amc.graph.trace import Trace


class ChannelClasses:
    """Classes of tied channels, and the candidate group of each class.

    Classes that one layer produces together, and that cost the same, make one candidate. Costs are the same where
    classes have equally many positions in every tensor and in every piece that is split off: outputs of a layer that
    only some of its consumers read are a candidate of their own.

    Attributes:
        class_of_atom: The class of each atom, int64 `(atoms,)`.
        units: The classes that a class stays with, int64 `(2, classes)` (`amc.graph.products`).
        candidate_of_class: The candidate of each class, int64 `(classes,)`.
        dropped: Factors of axes that can't be cut beside others that can (`amc.graph.products`).
        reasons: Why a candidate can't be cut: the first reason given for any of its channels, by candidate.
        assumed: The operators that are assumed to follow the number of a candidate's channels, by candidate.
    """

    def __init__(self, trace: Trace) -> None:
        self.class_of_atom, self.units, reasons, self.dropped = resolve(trace.channels)
        count = int(self.class_of_atom.max(initial=-1)) + 1
        produced = [self.classes_in(call.out[0]) for call in trace.layers]
        rows = [row[row >= 0] for each in produced for row in each]
        runs = [(np.full(len(row) - 1, row[0]), row[1:]) for row in rows if len(row) > 1]
        pairs = np.stack([components(count, runs).astype(np.uint64), self._costs(_labels(trace), count)])
        self.candidate_of_class: Atoms = np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1)
        self._sizes = np.bincount(self.candidate_of_class, minlength=1)
        self.reasons: dict[int, str] = {}
        for each, reason in reasons.items():
            self.reasons.setdefault(int(self.candidate_of_class[each]), reason)
        self.assumed: dict[int, dict[str, None]] = {}
        for label, operator in trace.channels.assumed:
            for candidate in self.candidates_in(label):
                self.assumed.setdefault(candidate, {})[operator] = None

    def _costs(self, labels: Iterable[Atoms], count: int) -> NDArray[np.uint64]:
        """Return a number for each class, equal for classes with equally many positions under every label."""
        rng = np.random.default_rng(0)
        result = np.zeros(count, dtype=np.uint64)
        for label in labels:
            found, counts = np.unique(self.classes_in(label), return_counts=True)
            cost = rng.integers(2**64, dtype=np.uint64) * counts.astype(np.uint64)
            result[found[found >= 0]] += cost[found >= 0]
        return result

    def classes_in(self, label: Label) -> Atoms:
        """Return the classes that each position of an axis stays with, int64 `(2, positions)`; -1 for no second."""
        return self.units[:, self.class_of_atom[label]] if label is not None else np.empty((2, 0), dtype=np.int64)

    def candidates_in(self, label: Label) -> dict[int, int]:
        """Return the candidates that have positions on an axis, in order of their first ones, and how many each has."""
        classes = self.classes_in(label).T.reshape(-1)
        found, first, counts = np.unique(
            self.candidate_of_class[classes[classes >= 0]], return_index=True, return_counts=True
        )
        return {int(found[i]): int(counts[i]) for i in np.argsort(first)}

    def members(self) -> list[Atoms]:
        """Return the classes of each candidate, ascending."""
        order = np.argsort(self.candidate_of_class, kind="stable")
        return np.split(order, np.cumsum(self._sizes)[:-1])


def _labels(trace: Trace) -> Iterable[Atoms]:
    for labels in trace.stored_labels.values():
        yield from (label for label in labels if label is not None)
    for call in trace.layers:
        yield from (label for label, _ in (call.inputs, call.weight_in, call.out) if label is not None)
    for _, _, pieces in trace.sizes:
        yield from (label for label in pieces if label is not None)
