"""Axes that are split into several, or merged from them: which of the factors can be cut, and with what.

The channels of queries, keys and values are `heads * width` positions of one axis of a weight. Whole heads can be cut,
and the same channels of every head: a position stays where its head and its channel do. Such a `Product` has two
factors that live. Where only one of them can be cut, its atoms are tied to the positions; where none can, these are
frozen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amc.graph.channels import Atoms, Channels, Product


class Classes(NamedTuple):
    """The classes of tied atoms.

    Attributes:
        of_atom: The class of each atom, int64 `(atoms,)`.
        units: The classes that a class stays with, int64 `(2, classes)`: itself alone, or two factors; -1 for none.
        reasons: Why a class can't be cut, for those that can't.
        dropped: Axes that are cut along other factors alone than those that operators follow: atoms of the axis, the
            number of channels of the factor that is not, and why.
    """

    of_atom: Atoms
    units: Atoms
    reasons: dict[int, str]
    dropped: list[tuple[Atoms, int, str]]


def resolve(channels: Channels) -> Classes:
    """Settle all products of `channels`, which ties and freezes some atoms, and return the classes.

    Labels that must be equally long are tied, position by position, unless they are of the same channels anyway.
    """
    equal = list(channels.equal)
    while True:
        classes = _with_products(channels)
        differ = [pair for pair in equal if not _are_same(classes, *pair)]
        if not differ:
            return classes
        for left, right in differ:
            channels.tie(left, right)
        equal = [pair for pair in equal if not any(pair is other for other in differ)]


def _are_same(classes: Classes, left: Atoms, right: Atoms) -> bool:
    """Return whether two labels are of the same channels, in any order."""
    units = [classes.units[:, classes.of_atom[each]] for each in (left, right)]
    one, other = (each[:, np.lexsort(each)] for each in units)
    return bool((one == other).all())


def _with_products(channels: Channels) -> Classes:
    channels.fixed_atoms()
    products = list(channels.products)
    while True:
        of_atom, reasons = channels.classes()
        left = [each for product in products if (each := _settled(channels, product, of_atom, reasons)) is not None]
        same = [len(each.factors) for each in left] == [len(each.factors) for each in products]
        products = left
        if same and not _tie_factors(channels, products, of_atom):
            break
    count = int(of_atom.max(initial=-1)) + 1
    units = np.stack([np.arange(count), np.full(count, -1)])
    for product in products:
        units[:, of_atom[product.whole]] = of_atom[np.stack(product.factors)]
    is_open = np.zeros(count, dtype=np.bool_)
    for label in channels.open:
        is_open[of_atom[label]] = True
    dropped = [
        (product.whole, len(np.unique(factor)), why)
        for product in channels.products
        for factor in product.factors
        if product.is_split
        and is_open[of_atom[factor]].all()
        and (why := _reason(factor, of_atom, reasons)) is not None
        and _reason(product.whole, of_atom, reasons) is None
    ]
    return Classes(of_atom, units, reasons, dropped)


def _settled(channels: Channels, product: Product, of_atom: Atoms, reasons: dict[int, str]) -> Product | None:
    """Return the product of the factors that can be cut; None where there are fewer than two, which is recorded."""
    live = [each for each in product.factors if _reason(each, of_atom, reasons) is None]
    if len(live) > 1:
        why = _reason(product.whole, of_atom, reasons)
        if why is None and len(live) > 2:
            live, why = live[-2:], f"more than two numbers of channels are multiplied: {product.where}"
            for each in product.factors[:-2]:
                channels.freeze(each, why)
            return Product(product.whole, tuple(live), product.where)
        if why is None and not (of_atom[live[0]] == of_atom[live[1]]).any():
            return Product(product.whole, tuple(live), product.where)
        for each in live:
            channels.freeze(each, why or f"the same channels along two axes: {product.where}")
    if len(live) == 1:
        channels.tie(product.whole, live[0])
    else:
        channels.freeze(product.whole, _reason(product.factors[-1], of_atom, reasons) or product.where)
    return None


def _reason(atoms: Atoms, of_atom: Atoms, reasons: dict[int, str]) -> str | None:
    """Return why some of the atoms can't be cut, or None."""
    return next((reasons[each] for each in np.unique(of_atom[atoms]).tolist() if each in reasons), None)


def _tie_factors(channels: Channels, products: list[Product], of_atom: Atoms) -> bool:
    """Tie the factors of positions that are tied; return whether that ties anything new."""
    if not products:
        return False
    whole = of_atom[np.concatenate([each.whole for each in products])]
    order = np.argsort(whole, kind="stable")
    again: NDArray[np.bool_] = whole[order][1:] == whole[order][:-1]
    changed = False
    for place in range(2):
        factors = np.concatenate([each.factors[place] for each in products])[order]
        left, right = factors[:-1][again], factors[1:][again]
        differ = of_atom[left] != of_atom[right]
        if differ.any():
            channels.tie(left[differ], right[differ])
            changed = True
    return changed
