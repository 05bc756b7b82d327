"""Rules of operators that take, write, add or reorder positions along an axis."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from amc.graph.channels import Label
from amc.graph.operators.elementwise import unknown
from amc.graph.operators.joins import combine
from amc.graph.trace import Call, Trace


def pad(trace: Trace, call: Call) -> None:
    """Freeze the labelled axes that padding changes, because the added positions are fixed."""
    x = call.tensors()[0]
    labels = trace.labels(x)
    changed = [axis for axis in range(x.ndim) if call.out.shape[axis] != x.shape[axis]]
    _fix(trace, call, [labels[axis] for axis in changed])
    trace.label(call.out, tuple(None if axis in changed else label for axis, label in enumerate(labels)))


def slice_axis(trace: Trace, call: Call) -> None:
    """Follow a run of an axis where attributes of the module hold its bounds; else freeze the axis."""
    x, given = call.tensors()[0], call.arguments
    axis = given.get("dim", 0) % x.ndim
    labels = list(trace.labels(x))
    label, size = labels[axis], x.shape[axis]
    if label is not None and call.out.shape[axis] != size:
        start, end = given.get("start") or 0, min(given.get("end") or size, size)
        bounds = [bound for bound in (start, end) if 0 < bound < size]
        is_run = start >= 0 and end > 0 and given.get("step", 1) == 1
        if is_run and all(trace.follow_size(call.module, bound, (label[:bound],)) for bound in bounds):
            trace.channels.assume(label, call.where)
            labels[axis] = label[start:end]
        else:
            _fix(trace, call, [label])
            labels[axis] = None
    trace.label(call.out, tuple(labels))


def split(trace: Trace, call: Call) -> None:
    """Follow the pieces of an axis (split, chunk): those of one size lose the same channels.

    Pieces of different sizes are followed where an attribute of the module holds the sizes; else the axis is frozen.
    """
    x, given = call.tensors()[0], call.arguments
    axis = given.get("dim", 0) % x.ndim
    labels = trace.labels(x)
    label, sizes = labels[axis], [out.shape[axis] for out in call.out]
    pieces: list[Label] = [None] * len(sizes)
    if label is not None:
        runs = np.split(label, np.cumsum(sizes)[:-1])
        listed = "split_sizes" in given and trace.follow_size(call.module, given["split_sizes"], tuple(runs))
        if not listed and len(set(sizes)) > 1:
            _fix(trace, call, [label])
        else:
            pieces = list(runs)
            if len(runs) > 1:
                trace.channels.assume(label, call.where)
        if not listed and len(set(sizes)) == 1:
            if not trace.follow_size(call.module, sizes[0], (runs[0],)):
                trace.follow_size(call.module, len(label), (label,))
            for other in runs[1:]:
                trace.channels.tie(runs[0], other)
    for out, piece in zip(call.out, pieces, strict=True):
        trace.label(out, (*labels[:axis], piece, *labels[axis + 1 :]))


def select(trace: Trace, call: Call) -> None:
    """Freeze an axis of which one position, or each by itself, is taken; it is gone from the result."""
    x = call.tensors()[0]
    labels = list(trace.labels(x))
    label = labels.pop(call.arguments.get("dim", 0) % x.ndim)
    _fix(trace, call, [label])
    for out in call.outputs():
        trace.label(out, tuple(labels))


def rearrange(trace: Trace, call: Call) -> None:
    """Freeze the axes whose positions change places (roll, flip); all axes where none is given."""
    x = call.tensors()[0]
    axes = {axis % x.ndim for axis in call.arguments["dims"]} if call.arguments.get("dims") else set(range(x.ndim))
    labels = trace.labels(x)
    _fix(trace, call, [labels[axis] for axis in axes])
    trace.label(call.out, tuple(None if axis in axes else label for axis, label in enumerate(labels)))


def put(trace: Trace, call: Call) -> None:
    """Follow rows that are written into a table; a table without labels gets the channels of the rows."""
    table, rows, indices = call.arguments["self"], call.arguments["values"], call.arguments["indices"]
    width = table.ndim - 1
    if len(indices) > 1 or not width or rows.shape[-width:] != table.shape[1:] or trace.info(table).parameter:
        return unknown(trace, call)
    result: list[Label] = [None]
    for held, given in zip(trace.labels(table)[1:], trace.labels(rows)[-width:], strict=True):
        if held is None:
            trace.channels.assume(given, call.where)
        else:
            combine(trace, call, (held, given))
        result.append(given)
    trace.label(call.out, tuple(result))
    return None


def index(trace: Trace, call: Call) -> None:
    """Freeze an axis of which positions are taken by numbers (a table of biases or embeddings); the others stay."""
    given = call.arguments
    table, indices = given["weight" if "weight" in given else "self"], given["indices"]
    places = [indices] if isinstance(indices, Tensor) else indices
    used = [place for place, each in enumerate(places) if each is not None]
    if len(used) != 1 or not isinstance(places[used[0]], Tensor) or places[used[0]].dtype in (torch.bool, torch.uint8):
        return unknown(trace, call)
    (axis,) = used
    labels = trace.labels(table)
    _fix(trace, call, [labels[axis]])
    trace.label(call.out, (*labels[:axis], *[None] * places[axis].ndim, *labels[axis + 1 :]))
    return None


def _fix(trace: Trace, call: Call, labels: list[Label]) -> None:
    trace.freeze(labels, f"channels taken by a fixed position: {call.where}")
