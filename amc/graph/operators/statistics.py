"""Norms, pooling and reductions: numbers over some axes of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from amc.graph.notes import Call, Watch


def batch_norm(watch: Watch, call: Call) -> None:
    """Each channel is scaled and shifted by its own numbers."""
    given = call.arguments
    x: Tensor = given["input"]
    labels = watch.labels(x)
    if labels[1] is not None:
        for name in ("weight", "bias", "running_mean", "running_var"):
            if given.get(name) is not None:
                watch.channels.tie(labels[1], watch.labels(given[name])[0])
    layer = watch.seen(x).layer
    is_module = watch.is_batch_norm(call.module)
    if is_module:
        watch.norm_runs[call.module] += 1
    if layer is not None:
        if layer in watch.norms or not is_module:
            watch.read_elsewhere.add(layer)
        watch.norms[layer] = call.module
    watch.label(call.outputs()[0], labels)


def group_norm(watch: Watch, call: Call) -> None:
    """Statistics are taken over each group of channels: whole groups may go, and leave those of the others alone."""
    given = call.arguments
    x, groups = given["input"], given["group"]
    labels = watch.labels(x)
    label = labels[1]
    if groups == 1 or label is None:
        return norm_over_channels(watch, call)
    rows = label.reshape(groups, -1)
    watch.channels.tie(np.broadcast_to(rows[:, :1], rows.shape).reshape(-1), label)
    for name in ("weight", "bias"):
        if given.get(name) is not None:
            watch.channels.tie(label, watch.labels(given[name])[0])
    watch.channels.assume(label, call.where)
    watch.label(call.outputs()[0], labels)
    return None


def norm_over_channels(watch: Watch, call: Call) -> None:
    """A norm of all channels (a layer norm, a group norm with one group): without some, the others would change."""
    for tensor in call.tensors():
        watch.freeze(watch.labels(tensor), f"a norm over channels: {call.where}")


def spatial(watch: Watch, call: Call) -> None:
    """Pooling, resizing: works within each channel of `(batch, channels, ...)`."""
    x = call.tensors()[0]
    labels = watch.labels(x)
    watch.freeze(labels[2:], f"labelled space read by {call.where}")
    watch.label(call.outputs()[0], (*labels[:2], *[None] * (x.ndim - 2)))


def reduction(watch: Watch, call: Call) -> None:
    """Mean, sum, maximum: labelled axes that it runs over are frozen."""
    x = call.tensors()[0]
    axes = _axes(call.arguments.get("dim"), x.ndim)
    labels = watch.labels(x)
    watch.freeze([labels[axis] for axis in axes], f"reduced over channels by {call.where}")
    keep = call.arguments.get("keepdim", False)
    left = [None if axis in axes else label for axis, label in enumerate(labels) if keep or axis not in axes]
    for out in call.outputs():
        watch.label(out, tuple(left))


def softmax(watch: Watch, call: Call) -> None:
    """Normalises over one axis, which is frozen."""
    x = call.tensors()[0]
    axes = _axes(call.arguments["dim"], x.ndim)
    labels = watch.labels(x)
    watch.freeze([labels[axis] for axis in axes], f"normalised over channels by {call.where}")
    watch.label(call.out, tuple(None if axis in axes else label for axis, label in enumerate(labels)))


def _axes(dim: int | Sequence[int] | None, ndim: int) -> list[int]:
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return list(range(ndim))
    return [axis % ndim for axis in ([dim] if isinstance(dim, int) else dim)]
