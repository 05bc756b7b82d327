"""Ties resolved into parts: the candidates for a channel group."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from amc.graph.channels import Atoms, Label, components
from amc.graph.trace import Trace


class ChannelClasses:
    """Classes of tied channels that one layer produces together, and that cost the same, are one part.

    Costs are the same where they have the same number of positions in every tensor and in every piece that is split
    off: what of a layer's outputs only some consumers read is a part of its own.

    Attributes:
        class_of_atom: class of each atom.
        candidate_of_class: part of each class.
        sizes: classes in each part.
        reasons: why a part is frozen: the first reason given for any of its channels.
        assumed: the operators that are assumed to follow the number of a part's channels.
    """

    def __init__(self, trace: Trace) -> None:
        self.class_of_atom, reasons = trace.channels.classes()
        count = int(self.class_of_atom.max(initial=-1)) + 1
        produced = [self.classes_in(call.out[0]) for call in trace.layers]
        runs = [(np.full(len(each) - 1, each[0]), each[1:]) for each in produced if len(each) > 1]
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
        """A number for each class that is equal for equal numbers of positions under every label."""
        rng = np.random.default_rng(0)
        result = np.zeros(count, dtype=np.uint64)
        for label in labels:
            found, counts = np.unique(self.class_of_atom[label], return_counts=True)
            result[found] += rng.integers(2**64, dtype=np.uint64) * counts.astype(np.uint64)
        return result

    def classes_in(self, label: Label) -> Atoms:
        """Class of each position, in order; empty for an unknown axis."""
        return self.class_of_atom[label] if label is not None else np.empty(0, dtype=np.int64)

    def candidates_in(self, label: Label) -> dict[int, int]:
        """The parts that have positions under `label`, in order of their first ones, and how many they have."""
        found, first, counts = np.unique(
            self.candidate_of_class[self.classes_in(label)], return_index=True, return_counts=True
        )
        return {int(found[i]): int(counts[i]) for i in np.argsort(first)}

    def members(self) -> list[Atoms]:
        """Classes of each part, ascending."""
        order = np.argsort(self.candidate_of_class, kind="stable")
        return np.split(order, np.cumsum(self._sizes)[:-1])


def _labels(trace: Trace) -> Iterable[Atoms]:
    for labels in trace.stored_labels.values():
        yield from (label for label in labels if label is not None)
    for call in trace.layers:
        yield from (label for label, _ in (call.inputs, call.weight_in, call.out) if label is not None)
    for _, _, pieces in trace.sizes:
        yield from (label for label in pieces if label is not None)
