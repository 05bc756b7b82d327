"""How the labels of axes follow a change of shape (view, reshape, flatten, squeeze)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from amc.graph.channels import Atoms, Channels, Label, Labels


def reshape_labels(channels: Channels, labels: Labels, old: Sequence[int], new: Sequence[int], where: str) -> Labels:
    """Return the labels of a tensor of shape `old` after it is read in row-major order as shape `new`.

    An axis that goes over whole keeps its label. A labelled axis merged with unlabelled ones (flatten) has each atom
    repeated. An axis split so that its atoms vary along one new axis only (unflatten) labels that axis. An axis split
    otherwise (heads, channel shuffles) loses the same channels in each piece, or whole pieces, where what reads them
    takes any number (`amc.graph.products`); of two pieces the longer is assumed to. Such pieces may be merged again.
    Anything else moves channels by a fixed position, and they are frozen with `where` as the reason.
    """
    result: list[Label] = [None] * len(new)
    for old_axes, new_axes in _blocks(old, new):
        labelled = [axis for axis in old_axes if labels[axis] is not None and old[axis] > 1]
        wide = [axis for axis in new_axes if new[axis] > 1]
        if not labelled:
            continue
        if len(labelled) == 1:
            target = _spread(labels, old, old_axes, labelled[0], [new[axis] for axis in wide])
            if target is not None:
                position, label = target
                result[wide[position]] = label
                continue
        pieces = _pieces(channels, labels, (old, old_axes), (new, wide), where)
        for axis, label in pieces.items():
            result[axis] = label
        if not pieces:
            for axis in labelled:
                channels.freeze(labels[axis], f"channels moved by a fixed position: {where}")
    return tuple(result)


def _pieces(
    channels: Channels,
    labels: Labels,
    before: tuple[Sequence[int], list[int]],
    after: tuple[Sequence[int], list[int]],
    where: str,
) -> dict[int, Label]:
    """Split axes into the pieces that they have in common with new ones, and merge these.

    Args:
        channels: The atoms.
        labels: The labels of the tensor's axes.
        before: The shape of the tensor, and the axes in question.
        after: The new shape, and the axes that hold the same elements.
        where: The operator, for reasons.

    Returns:
        The labels of new axes; empty where there are no common pieces.
    """
    (old, old_axes), (new, new_axes) = before, after
    every = sorted({*_ends([old[axis] for axis in old_axes]), *_ends([new[axis] for axis in new_axes])})
    if any(high % low for low, high in itertools.pairwise(every)):
        return {}
    sizes = [high // low for low, high in itertools.pairwise(every)][::-1]  # of the pieces, the outermost first
    found: list[Label] = []
    for axis, run in _runs(old, old_axes, sizes):
        label, parts = labels[axis] if old[axis] > 1 else None, sizes[run]
        target = None if label is None else _spread(labels, old, [axis], axis, parts)
        if label is None or target is not None:
            found += [target[1] if target is not None and place == target[0] else None for place in range(len(parts))]
            continue
        is_alone = len(parts) == len(new_axes) == 2 and all(old[other] == 1 for other in old_axes if other != axis)
        found += channels.split(label, parts, where, int(parts[0] <= parts[1]) if is_alone else None)
        channels.assume(label, where)
    result: dict[int, Label] = {}
    for axis, run in _runs(new, new_axes, sizes):
        known = [label for label in found[run] if label is not None]
        merged = known[0] if len(known) == 1 else channels.merge(known, where) if known else None
        if merged is not None:
            shape = [size if label is not None else 1 for size, label in zip(sizes[run], found[run], strict=True)]
            result[axis] = np.broadcast_to(merged.reshape(shape), sizes[run]).reshape(-1).copy()
        for label in known if merged is None else ():
            channels.freeze(label, f"channels moved by a fixed position: {where}")
    return result


def _runs(shape: Sequence[int], axes: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Yield which of the pieces of `sizes` each axis is made of."""
    begin = 0
    for axis in axes:
        end = begin
        while math.prod(sizes[begin:end]) < shape[axis]:
            end += 1
        yield axis, slice(begin, end)
        begin = end


def _ends(sizes: Sequence[int]) -> list[int]:
    """Return how many elements lie behind each axis, row-major, and how many there are."""
    return [math.prod(sizes[place:]) for place in range(len(sizes) + 1)]


def tie_pieces(channels: Channels, table: Atoms, axis: int) -> Atoms:
    """Tie the atoms at one place along `axis` of `table` `(rows, columns)`; return one atom for each place."""
    first = table[:1] if axis == 1 else table[:, :1]
    channels.tie(np.broadcast_to(first, table.shape).reshape(-1), table.reshape(-1))
    return first.reshape(-1)


def _spread(
    labels: Labels, old: Sequence[int], old_axes: Sequence[int], labelled: int, new_sizes: list[int]
) -> tuple[int, Label] | None:
    """Return the only new axis along which the atoms of axis `labelled` vary, and its label; None if there is none."""
    shape = [old[axis] for axis in old_axes]
    place = old_axes.index(labelled)
    along = [1] * len(shape)
    along[place] = shape[place]
    label = labels[labelled]
    assert label is not None
    atoms = np.broadcast_to(label.reshape(along), shape).reshape(new_sizes)
    for position in range(len(new_sizes)):
        first = atoms[tuple(slice(None) if axis == position else 0 for axis in range(len(new_sizes)))]
        column = [1] * len(new_sizes)
        column[position] = new_sizes[position]
        if (atoms == first.reshape(column)).all():
            return position, first.copy()
    return None


def _blocks(old: Sequence[int], new: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the smallest runs of old and new axes that hold the same number of elements, in order."""
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [], []
        if i < len(old):
            left.append(i)
            i += 1
        if j < len(new):
            right.append(j)
            j += 1
        size_left, size_right = math.prod(old[a] for a in left), math.prod(new[a] for a in right)
        while size_left != size_right:
            if (size_left < size_right and i < len(old)) or j >= len(new):
                left.append(i)
                size_left *= old[i]
                i += 1
            else:
                right.append(j)
                size_right *= new[j]
                j += 1
        yield left, right
