"""Identities of channels, and what ties or freezes them while a network is traced.

Every channel-like position of a tensor (an output channel of a weight, an entry of a bias, a feature of an activation)
is an *atom*: an integer. An axis of a tensor is labelled by the array of its atoms, or by None where nothing is known
of it (batch, space, the input image). Ties are only collected during the trace; the classes of atoms that must be cut
together are resolved once, at the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Atoms = NDArray[np.int64]
"""The atoms of consecutive positions of an axis, int64 `(positions,)`."""
Label = Atoms | None
"""The atoms of an axis, or None where its positions are no known channels."""
Labels = tuple[Label, ...]
"""One label for each axis of a tensor."""


class Channels:
    """A growing set of atoms, the ties between them, and the reasons for which some can't be cut."""

    def __init__(self) -> None:
        self.count = 0
        self._ties: list[tuple[Atoms, Atoms]] = []
        self._frozen: list[tuple[Atoms, str]] = []
        self.assumed: list[tuple[Atoms, str]] = []  # what was taken for granted of the user's code, to be checked

    def new(self, size: int) -> Atoms:
        """Return `size` fresh atoms, int64 `(size,)`."""
        atoms = np.arange(self.count, self.count + size, dtype=np.int64)
        self.count += size
        return atoms

    def tie(self, left: Label, right: Label) -> None:
        """Record that position i of `left` and position i of `right` are one channel: both stay or both go."""
        if left is not None and right is not None and left is not right:
            self._ties.append((left, right))

    def freeze(self, label: Label, reason: str) -> None:
        """Record that no atom of `label` can be cut, because of `reason`."""
        if label is not None:
            self._frozen.append((label, reason))

    def assume(self, label: Label, operator: str) -> None:
        """Record that `operator` is assumed to split the channels of `label` in a way that follows their number."""
        if label is not None:
            self.assumed.append((label, operator))

    def classes(self) -> tuple[Atoms, dict[int, str]]:
        """Resolve the ties into classes.

        Returns:
            The class of each atom, int64 `(count,)`, and the first reason given for each class that can't be cut.
        """
        if not self.count:
            return np.empty(0, dtype=np.int64), {}
        of_atom = components(self.count, self._ties)
        reasons: dict[int, str] = {}
        for atoms, reason in self._frozen:
            for each in np.unique(of_atom[atoms]).tolist():
                reasons.setdefault(each, reason)
        return of_atom, reasons


def components(count: int, pairs: list[tuple[Atoms, Atoms]]) -> Atoms:
    """Return the connected component of each of `count` nodes, under edges given as pairs of equally long arrays."""
    left = np.concatenate([a for a, _ in pairs]) if pairs else np.empty(0, dtype=np.int64)
    right = np.concatenate([b for _, b in pairs]) if pairs else np.empty(0, dtype=np.int64)
    edges = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    return connected_components(edges, directed=False)[1].astype(np.int64)
