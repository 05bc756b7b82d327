"""Operators that move axes and positions."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from amc.graph.channels import Label, Labels
from amc.graph.operators.elementwise import identity, unknown
from amc.graph.reshape import reshape_labels
from amc.graph.trace import Call, Trace


def reshape(trace: Trace, call: Call) -> None:
    """View, flatten, squeeze, unsqueeze: row-major order under another shape, which an attribute may hold."""
    x = call.tensors()[0]
    if x.shape == call.out.shape:
        return identity(trace, call)
    labels = reshape_labels(trace.channels, trace.labels(x), x.shape, call.out.shape, call.where)
    if any(label is not None for label in labels):
        trace.follow_size(call.module, call.out.shape, labels)
    trace.label(call.out, labels)
    return None


def permute(trace: Trace, call: Call) -> None:
    """Permute, transpose, t: axes change places."""
    x = call.tensors()[0]
    given = call.arguments
    if "dims" in given:
        order = [axis % x.ndim for axis in given["dims"]]
    else:
        order = list(range(x.ndim))
        first, second = (given["dim0"], given["dim1"]) if "dim0" in given else (0, -1)
        if x.ndim > 1:
            order[first], order[second] = order[second], order[first]
    known = trace.seen(x)
    trace.label(call.out, tuple(known.labels[axis] for axis in order), known.parameter)


def expand(trace: Trace, call: Call) -> None:
    """Axes of size 1 are repeated, one number for all channels so that they can be of any others; the others stay."""
    x = call.tensors()[0]
    fresh: list[Label] = [None] * (call.out.ndim - x.ndim)
    sizes = call.out.shape[len(fresh) :]
    labels = [
        trace.channels.new(size) if label is not None and len(label) < size else label
        for label, size in zip(trace.labels(x), sizes, strict=True)
    ]
    trace.label(call.out, (*fresh, *labels))


def restride(trace: Trace, call: Call) -> None:
    """`as_strided_` to `(batch, channels, 1, 1)`: pooling to one position changes nothing but the memory layout so."""
    x, out = call.tensors()[0], call.out
    sizes = [1 if label is None else len(label) for label in trace.labels(x)]
    same_values = x.stride()[:2] == out.stride()[:2] and out.stride()[1:2] == (1,) and set(out.shape[2:]) <= {1}
    if same_values and not call.arguments.get("storage_offset") and sizes[1:] == list(out.shape[1:]):
        identity(trace, call)
    else:
        unknown(trace, call)


def pad(trace: Trace, call: Call) -> None:
    """Padding: the positions are fixed, so the axes that change are frozen where they are labelled."""
    x = call.tensors()[0]
    labels = trace.labels(x)
    changed = [axis for axis in range(x.ndim) if call.out.shape[axis] != x.shape[axis]]
    _fix(trace, call, [labels[axis] for axis in changed])
    trace.label(call.out, tuple(None if axis in changed else label for axis, label in enumerate(labels)))


def slice_axis(trace: Trace, call: Call) -> None:
    """A run of an axis: it is followed where attributes of the module say how far it goes, else frozen."""
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
    """Split, chunk: pieces of one size lose the same channels; others are followed where an attribute has the sizes."""
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
    """One position of an axis, or each by itself: the axis goes away."""
    x = call.tensors()[0]
    labels = list(trace.labels(x))
    label = labels.pop(call.arguments.get("dim", 0) % x.ndim)
    _fix(trace, call, [label])
    for out in call.outputs():
        trace.label(out, tuple(labels))


def rearrange(trace: Trace, call: Call) -> None:
    """Roll, flip: positions of some axes (all, where none is given) change places."""
    x = call.tensors()[0]
    axes = {axis % x.ndim for axis in call.arguments["dims"]} if call.arguments.get("dims") else set(range(x.ndim))
    labels = trace.labels(x)
    _fix(trace, call, [labels[axis] for axis in axes])
    trace.label(call.out, tuple(None if axis in axes else label for axis, label in enumerate(labels)))


def _fix(trace: Trace, call: Call, labels: list[Label]) -> None:
    trace.freeze(labels, f"channels taken by a fixed position: {call.where}")


def put(trace: Trace, call: Call) -> None:
    """Rows of the first axis are written; a table of numbers that nothing is known of gets the channels of the rows."""
    table, rows, indices = call.arguments["self"], call.arguments["values"], call.arguments["indices"]
    width = table.ndim - 1
    if len(indices) > 1 or not width or rows.shape[-width:] != table.shape[1:] or trace.seen(table).parameter:
        return unknown(trace, call)
    result: list[Label] = [None]
    for held, given in zip(trace.labels(table)[1:], trace.labels(rows)[-width:], strict=True):
        if held is None:
            trace.channels.assume(given, call.where)
        else:
            _together(trace, call, (held, given))
        result.append(given)
    trace.label(call.out, tuple(result))
    return None


def concatenate(trace: Trace, call: Call) -> None:
    """Labels are joined along the axis; the other axes of all parts are tied."""
    parts = [tensor for tensor in call.tensors() if tensor.numel()]
    axis = call.arguments.get("dim", 0) % call.out.ndim
    columns = zip(*(trace.labels(part) for part in parts), strict=True)
    trace.label(
        call.out,
        tuple(
            _joined(trace, call, parts, axis) if place == axis else _together(trace, call, labels)
            for place, labels in enumerate(columns)
        ),
    )


def stack(trace: Trace, call: Call) -> None:
    """All axes are tied, and there is a new one."""
    axis = call.arguments.get("dim", 0) % call.out.ndim
    columns = zip(*(trace.labels(part) for part in call.tensors()), strict=True)
    labels = [_together(trace, call, each) for each in columns]
    trace.label(call.out, (*labels[:axis], None, *labels[axis:]))


def _joined(trace: Trace, call: Call, parts: list[Tensor], axis: int) -> Label:
    """Labels side by side; where some are known, the others are fixed channels."""
    labels = [trace.labels(part)[axis] for part in parts]
    if all(label is None for label in labels):
        return None
    known = []
    for label, part in zip(labels, parts, strict=True):
        if label is None:
            label = trace.channels.new(part.shape[axis])
            trace.channels.freeze(label, f"fixed part of {call.where}")
        known.append(label)
    return np.concatenate(known)


def _together(trace: Trace, call: Call, labels: Labels) -> Label:
    """One label for an axis of several tensors: tied, or frozen where one is not known."""
    known = [label for label in labels if label is not None]
    if len(known) < len(labels):
        trace.freeze(known, f"combined with a tensor of fixed size by {call.where}")
        return None
    for other in known[1:]:
        trace.channels.tie(known[0], other)
    return known[0]
