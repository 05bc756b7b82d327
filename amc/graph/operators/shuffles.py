"""Rules of operators that take channels apart by a number and put them together again."""

from __future__ import annotations

import math

import numpy as np

from amc.graph.channels import Label
from amc.graph.reshape import tie_pieces
from amc.graph.trace import Call, Trace


def channel_shuffle(trace: Trace, call: Call) -> None:
    """Follow channels from `(groups, width)` to `(width, groups)`: every group loses the same channels."""
    labels, groups = trace.labels(call.tensors()[0]), call.arguments["groups"]
    label = labels[1]
    if label is not None:
        label = np.repeat(tie_pieces(trace.channels, label.reshape(groups, -1), axis=1), groups)
    trace.label(call.out, (labels[0], label, *labels[2:]))


def pixel_shuffle(trace: Trace, call: Call) -> None:
    """Tie the `factor ** 2` channels that one channel of the result is made of."""
    *batch, label, _, _ = trace.labels(call.tensors()[0])
    if label is not None:
        label = tie_pieces(trace.channels, label.reshape(-1, call.arguments["upscale_factor"] ** 2), axis=0)
        label = label if len(label) > 1 else None
    trace.label(call.out, (*batch, label, None, None))


def pixel_unshuffle(trace: Trace, call: Call) -> None:
    """Repeat each channel `factor ** 2` times, side by side."""
    *batch, label, _, _ = trace.labels(call.tensors()[0])
    if label is not None:
        label = np.repeat(label, call.arguments["downscale_factor"] ** 2)
    trace.label(call.out, (*batch, label, None, None))


def unfold(trace: Trace, call: Call) -> None:
    """Repeat each channel once for every place of the kernel: the result is `(batch, channels * kernel, positions)`."""
    labels = trace.labels(call.tensors()[0])
    trace.freeze(labels[2:], f"channels read as positions by {call.where}")
    label = labels[1]
    if label is not None:
        label = np.repeat(label, math.prod(call.arguments["kernel_size"]))
    trace.label(call.out, (labels[0], label, None))


def fold(trace: Trace, call: Call) -> None:
    """Tie the rows of patches that one channel of the result is made of."""
    labels = trace.labels(call.tensors()[0])
    trace.freeze(labels[2:], f"channels read as positions by {call.where}")
    label = labels[1]
    if label is not None:
        label = tie_pieces(trace.channels, label.reshape(-1, math.prod(call.arguments["kernel_size"])), axis=0)
    trace.label(call.out, (labels[0], label, None, None))


def glu(trace: Trace, call: Call) -> None:
    """Tie the two halves of an axis, one of which gates the other: both lose the same channels."""
    x = call.tensors()[0]
    axis = call.arguments.get("dim", -1) % x.ndim
    labels = list(trace.labels(x))
    label = labels[axis]
    if label is not None:
        labels[axis] = tie_pieces(trace.channels, label.reshape(2, -1), axis=1)
    trace.label(call.out, tuple(labels))


def repeat(trace: Trace, call: Call) -> None:
    """Repeat the labels as often as each axis is repeated."""
    x = call.tensors()[0]
    times = call.arguments["repeats"]
    fresh: list[Label] = [None] * (len(times) - x.ndim)
    labels = [
        None if label is None else np.tile(label, count)
        for label, count in zip(trace.labels(x), times[len(fresh) :], strict=True)
    ]
    trace.label(call.out, (*fresh, *labels))
