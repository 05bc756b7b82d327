"""How the labels of axes follow a change of shape (view, reshape, flatten, squeeze)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from amc.graph.channels import Atoms, Channels, Label, Labels


def reshape_labels(channels: Channels, labels: Labels, old: Sequence[int], new: Sequence[int], where: str) -> Labels:
    """Return the labels of a tensor of shape `old` after it is read in row-major order as shape `new`.

    An axis that goes over whole keeps its label. A labelled axis merged with unlabelled ones (flatten) has each atom
    repeated. An axis split so that its atoms vary along one new axis only (unflatten) labels that axis. An axis split
    in two (channel shuffles) loses the same channels in each piece, and the longer of the two is assumed to follow.
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
            if len(wide) == 2 and all(old[axis] == 1 for axis in old_axes if axis != labelled[0]):
                label = labels[labelled[0]]
                assert label is not None
                position = int(new[wide[0]] <= new[wide[1]])
                result[wide[position]] = tie_pieces(channels, label.reshape(new[wide[0]], -1), position)
                channels.assume(label, where)
                continue
        for axis in labelled:
            channels.freeze(labels[axis], f"channels moved by a fixed position: {where}")
    return tuple(result)


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
