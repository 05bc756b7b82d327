"""Operators that move axes and positions."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from amc.graph.channels import Label
from amc.graph.notes import Call, Watch
from amc.graph.operators.elementwise import identity, unknown
from amc.graph.views import reshape_labels


def reshape(watch: Watch, call: Call) -> None:
    """View, flatten, squeeze, unsqueeze: row-major order under another shape."""
    x = call.tensors()[0]
    if x.shape == call.out.shape:
        return identity(watch, call)
    reason = f"channels moved by a fixed position: {call.where}"
    labels = reshape_labels(watch.channels, watch.labels(x), x.shape, call.out.shape, reason)
    watch.label(call.out, labels)
    return None


def permute(watch: Watch, call: Call) -> None:
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
    known = watch.seen(x)
    watch.label(call.out, tuple(known.labels[axis] for axis in order), known.parameter)


def expand(watch: Watch, call: Call) -> None:
    """Axes of size 1 are repeated; the others stay."""
    x = call.tensors()[0]
    labels = watch.labels(x)
    fresh = [None] * (call.out.ndim - x.ndim)
    kept = [label if size > 1 else None for label, size in zip(labels, x.shape, strict=True)]
    watch.label(call.out, (*fresh, *kept))


def restride(watch: Watch, call: Call) -> None:
    """`as_strided_` to `(batch, channels, 1, 1)`: pooling to one position changes nothing but the memory layout so."""
    x, out = call.tensors()[0], call.out
    sizes = [1 if label is None else len(label) for label in watch.labels(x)]
    same_values = x.stride()[:2] == out.stride()[:2] and out.stride()[1:2] == (1,) and set(out.shape[2:]) <= {1}
    if same_values and not call.arguments.get("storage_offset") and sizes[1:] == list(out.shape[1:]):
        identity(watch, call)
    else:
        unknown(watch, call)


def take(watch: Watch, call: Call) -> None:
    """Slice, pad, split along one axis: the positions are fixed, so that axis is frozen where it is labelled."""
    x = call.tensors()[0]
    labels = watch.labels(x)
    for out in call.outputs():
        changed = [axis for axis in range(x.ndim) if out.shape[axis] != x.shape[axis]]
        watch.freeze([labels[axis] for axis in changed], f"channels taken by a fixed position: {call.where}")
        watch.label(out, tuple(None if axis in changed else label for axis, label in enumerate(labels)))


def select(watch: Watch, call: Call) -> None:
    """One position of an axis, which goes away."""
    x = call.tensors()[0]
    labels = list(watch.labels(x))
    label = labels.pop(call.arguments["dim"] % x.ndim)
    watch.freeze((label,), f"channels taken by a fixed position: {call.where}")
    watch.label(call.out, tuple(labels))


def concatenate(watch: Watch, call: Call) -> None:
    """Labels are joined along the axis; the other axes of all parts are tied."""
    parts = [tensor for tensor in call.tensors() if tensor.numel()]
    axis = call.arguments.get("dim", 0) % call.out.ndim
    labels = [watch.labels(part) for part in parts]
    result: list[Label] = []
    for place in range(call.out.ndim):
        met = [each[place] for each in labels]
        known = [label for label in met if label is not None]
        if not known:
            result.append(None)
        elif place == axis:
            result.append(np.concatenate([_or_fixed(watch, part, axis, call) for part in parts]))
        elif len(known) < len(met):
            watch.freeze(known, f"combined with a tensor of fixed size by {call.where}")
            result.append(None)
        else:
            for other in known[1:]:
                watch.channels.tie(known[0], other)
            result.append(known[0])
    watch.label(call.out, tuple(result))


def _or_fixed(watch: Watch, part: Tensor, axis: int, call: Call) -> np.ndarray:
    label = watch.labels(part)[axis]
    if label is None:
        label = watch.channels.new(part.shape[axis])
        watch.channels.freeze(label, f"fixed part of {call.where}")
    return label
