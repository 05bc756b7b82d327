"""Identities of channels, and what ties or freezes them while a network is traced.

Every channel-like position of a tensor (an output channel of a weight, an entry of a bias, a feature of an activation)
is an *atom*: an integer. An axis of a tensor is labelled by the array of its atoms, or by None where nothing is known
of it (batch, space, the input image). Ties are only collected during the trace; the classes of atoms that must be cut
together are resolved once, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class Product:
    """Atoms each of which stays where one atom of every factor does, as channels of attention do by head and by key.

    Attributes:
        whole: The atoms of one axis, int64 `(positions,)`.
        factors: The atoms of the axes that it is split into or merged from, at those positions, int64 `(positions,)`.
        where: The operator, for reasons.
        is_split: Whether the factors were made for this, so that a number of them is fixed unless an operator is known
            to take any.
        followed: The factor whose number is assumed to follow where no operator says so; None for none.
    """

    whole: Atoms
    factors: tuple[Atoms, ...]
    where: str
    is_split: bool = False
    followed: int | None = None


class Channels:
    """A growing set of atoms, the ties between them, and the reasons for which some can't be cut.

    Attributes:
        count: The number of atoms.
        assumed: Atoms and the operator that is assumed to follow their number, which is to be checked.
        products: The axes that were split or merged, whose factors can both be cut (`amc.graph.products`).
        equal: Pairs of labels that have as many channels as each other, whatever is cut, and the operator.
        open: Atoms of factors whose number an operator is known to follow: heads, and the width of keys.
    """

    def __init__(self) -> None:
        self.count = 0
        self._ties: list[tuple[Atoms, Atoms]] = []
        self._frozen: list[tuple[Atoms, str]] = []
        self._pieces: set[int] = set()
        self.assumed: list[tuple[Atoms, str]] = []
        self.products: list[Product] = []
        self.equal: list[tuple[Atoms, Atoms]] = []
        self.open: list[Atoms] = []

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

    def split(self, label: Atoms, sizes: Sequence[int], where: str, followed: int | None = None) -> list[Atoms]:
        """Return fresh atoms for each of the axes of `sizes` that the axis `label` is split into, in row-major order.

        Their numbers are fixed but where `follow` is told of them; where it never is, axis `followed` alone is not.
        """
        factors = [self.new(size) for size in sizes]
        self.products.append(Product(label, grid(factors), where, is_split=True, followed=followed))
        self._pieces.update(atom for each in factors for atom in each.tolist())
        return factors

    def merge(self, labels: Sequence[Atoms], where: str) -> Label:
        """Return fresh atoms for the axis that axes are merged to, row-major; None where their numbers can't follow."""
        if not all(int(atom) in self._pieces for label in labels for atom in label[:1]):
            return None
        return self.product(labels, where)

    def product(self, labels: Sequence[Atoms], where: str) -> Atoms:
        """Return fresh atoms for an axis of all pairs of channels, row-major."""
        factors = grid(labels)
        whole = self.new(len(factors[0]))
        self.products.append(Product(whole, factors, where))
        return whole

    def follow(self, label: Label) -> None:
        """Record that an operator takes any number of the channels of `label`, so that they can be cut as factors."""
        if label is not None:
            self.open.append(label)
            self._pieces.update(label.tolist())

    def fixed_atoms(self) -> NDArray[np.bool_]:
        """Freeze the factors of splits that nothing follows; return whether each atom can't be cut, bool `(count,)`."""
        of_atom, _ = self.classes()
        is_open = np.zeros(int(of_atom.max(initial=-1)) + 1, dtype=np.bool_)
        for label in self.open:
            is_open[of_atom[label]] = True
        for product in self.products:
            followed = [place for place, each in enumerate(product.factors) if is_open[of_atom[each]].all()]
            if not followed and product.followed is not None:
                followed = [product.followed]
            for place, each in enumerate(product.factors) if product.is_split else ():
                if place not in followed:
                    self.freeze(np.unique(each), f"channels moved by a fixed position: {product.where}")
        of_atom, reasons = self.classes()
        return np.isin(of_atom, list(reasons))

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


def grid(factors: Sequence[Atoms]) -> tuple[Atoms, ...]:
    """Return the atom of each factor at every position of the axis that they are merged to, in row-major order."""
    return tuple(each.reshape(-1) for each in np.meshgrid(*factors, indexing="ij"))
