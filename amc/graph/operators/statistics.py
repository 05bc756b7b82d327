"""Rules of norms, pooling and reductions: numbers taken over some axes of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from amc.graph.trace import Call, Trace


def batch_norm(trace: Trace, call: Call) -> None:
    """Tie the channels to the norm's parameters and statistics, and record which layer the norm follows."""
    given = call.arguments
    x: Tensor = given["input"]
    labels = trace.labels(x)
    if labels[1] is not None:
        for name in ("weight", "bias", "running_mean", "running_var"):
            if given.get(name) is not None:
                trace.channels.tie(labels[1], trace.labels(given[name])[0])
    layer = trace.info(x).layer
    is_module = trace.is_batch_norm(call.module)
    if is_module:
        trace.norm_runs[call.module] += 1
    if layer is not None:
        if layer in trace.norms or not is_module:
            trace.read_elsewhere.add(layer)
        trace.norms[layer] = call.module
    trace.label(call.outputs()[0], labels)


def group_norm(trace: Trace, call: Call) -> None:
    """Tie the channels of each normalisation group, so that whole groups are cut and the others' statistics stay.

    The statistics of a single group cover all channels, and in a compact network the kept channels only.
    """
    given = call.arguments
    x, groups = given["input"], given["group"]
    labels = trace.labels(x)
    label = labels[1]
    trace.add_statistic(call, {1: label} if groups == 1 else {})
    if label is not None:
        if groups > 1:
            rows = label.reshape(groups, -1)
            trace.channels.tie(np.broadcast_to(rows[:, :1], rows.shape).reshape(-1), label)
            trace.channels.assume(label, call.where)
        for name in ("weight", "bias"):
            if given.get(name) is not None:
                trace.channels.tie(label, trace.labels(given[name])[0])
    trace.label(call.outputs()[0], labels)


def layer_norm(trace: Trace, call: Call) -> None:
    """Record that statistics are taken over the last axes; in a compact network they cover kept channels only."""
    given = call.arguments
    x, shape = given["input"], list(given["normalized_shape"])
    labels = trace.labels(x)
    first = x.ndim - len(shape)
    normed = dict(enumerate(labels[first:], first))
    trace.add_statistic(call, normed)
    for name in ("weight", "bias"):
        if given.get(name) is not None:
            for label, own in zip(normed.values(), trace.labels(given[name]), strict=True):
                trace.channels.tie(label, own)
    if any(label is not None for label in normed.values()):
        trace.follow_size(call.module, shape, tuple(normed.values()))
    out = call.outputs()[0]
    trace.label(out, labels)
    if len(shape) == 1 and given.get("weight") is not None:
        trace.sources.begin(
            out, *(trace.labels(given[name])[0] for name in ("weight", "bias") if given.get(name) is not None)
        )


def spatial(trace: Trace, call: Call) -> None:
    """Keep the labels of axes 0 and 1 through an operator that works within each channel, as pooling and resizing do.

    The axes behind them are space: channels that are found there are frozen.
    """
    x = call.tensors()[0]
    labels = trace.labels(x)
    trace.freeze(labels[2:], f"channels read as positions by {call.where}")
    for out in call.outputs():  # where the largest values were, too
        trace.label(out, (*labels[:2], *[None] * (x.ndim - 2)))


def unpool(trace: Trace, call: Call) -> None:
    """Tie the channels of values and of the places to which they return (max unpooling)."""
    values, places = call.tensors()
    for left, right in zip(trace.labels(values), trace.labels(places), strict=True):
        trace.channels.tie(left, right)
    spatial(trace, call)


def reduction(trace: Trace, call: Call) -> None:
    """Record a mean, sum or maximum; in a compact network, one over channels covers kept channels only.

    Where the largest values were, too, their places must not be read.
    """
    x = call.tensors()[0]
    axes = _axes(call.arguments.get("dim"), x.ndim)
    labels = trace.labels(x)
    trace.add_statistic(call, {axis: labels[axis] for axis in axes})
    _label_rest(trace, call, axes)
    if call.name in ("max", "min"):
        for positions in call.outputs()[1:]:
            trace.add_positions(positions, labels[axes[0]], call)


def argmax(trace: Trace, call: Call) -> None:
    """Freeze the axis in which the largest value is found: its position means another channel once some are cut."""
    x = call.tensors()[0]
    axes = _axes(call.arguments.get("dim"), x.ndim)
    labels = trace.labels(x)
    trace.freeze([labels[axis] for axis in axes], f"a position among channels is found by {call.where}")
    _label_rest(trace, call, axes)


def _label_rest(trace: Trace, call: Call, axes: Sequence[int]) -> None:
    """Label the results of a reduction over `axes`; where channels were, one place is left that stays."""
    labels = list(trace.labels(call.tensors()[0]))
    for axis in axes:
        if labels[axis] is not None:
            labels[axis] = trace.channels.new(1)
            trace.channels.freeze(labels[axis], f"one number for all channels: {call.where}")
    keep = call.arguments.get("keepdim", False)
    left = tuple(label for axis, label in enumerate(labels) if keep or axis not in axes)
    for out in call.outputs():
        trace.label(out, left)


def along(trace: Trace, call: Call) -> None:
    """Freeze the axis that is read as a whole (softmax, running sum, sorting)."""
    x = call.tensors()[0]
    axes = _axes(call.arguments.get("dim", -1), x.ndim)
    labels = trace.labels(x)
    trace.freeze([labels[axis] for axis in axes], f"channels set against each other by {call.where}")
    for out in call.outputs():
        trace.label(out, tuple(None if axis in axes else label for axis, label in enumerate(labels)))


def _axes(dim: int | Sequence[int] | None, ndim: int) -> list[int]:
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return list(range(ndim))
    return [axis % ndim for axis in ([dim] if isinstance(dim, int) else dim)]
