"""Ties resolved into parts: the candidates for a channel group."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from amc.graph.channels import Atoms, Label, components
from amc.graph.notes import Watch


class Parts:
    """Classes of tied channels that one layer produces together are one part.

    Attributes:
        of_atom: class of each atom.
        of_class: part of each class.
        sizes: classes in each part.
        reasons: why a part is frozen: the first reason given for any of its channels.
    """

    def __init__(self, watch: Watch) -> None:
        self.of_atom, reasons = watch.channels.classes()
        count = int(self.of_atom.max(initial=-1)) + 1
        produced = [self.classes(call.out[0]) for call in watch.layers]
        runs = [(np.full(len(each) - 1, each[0]), each[1:]) for each in produced if len(each) > 1]
        self.of_class = components(count, runs)
        self.sizes = np.bincount(self.of_class, minlength=1)
        self.reasons: dict[int, str] = {}
        for each, reason in reasons.items():
            self.reasons.setdefault(int(self.of_class[each]), reason)

    def classes(self, label: Label) -> Atoms:
        """Class of each position, in order; empty for an unknown axis."""
        return self.of_atom[label] if label is not None else np.empty(0, dtype=np.int64)

    def under(self, label: Label) -> dict[int, int]:
        """The parts that have positions under `label`, in order of their first ones, and how many they have."""
        found, first, counts = np.unique(self.of_class[self.classes(label)], return_index=True, return_counts=True)
        return {int(found[i]): int(counts[i]) for i in np.argsort(first)}

    def members(self) -> list[Atoms]:
        """Classes of each part, ascending."""
        order = np.argsort(self.of_class, kind="stable")
        return np.split(order, np.cumsum(self.sizes)[:-1])

    def uneven(self, labels: Iterable[Atoms]) -> set[int]:
        """Parts of which some class has more positions than another one under one of `labels`."""
        result: set[int] = set()
        for label in labels:
            found, counts = np.unique(self.of_atom[label], return_counts=True)
            parts, place = np.unique(self.of_class[found], return_inverse=True)
            least, most = np.full(len(parts), len(label)), np.zeros(len(parts), dtype=np.int64)
            np.minimum.at(least, place, counts)
            np.maximum.at(most, place, counts)
            present = np.bincount(place)
            result |= set(parts[(least != most) | (present != self.sizes[parts])].tolist())
        return result
