"""Operators that take channels apart by a number and put them together again."""

from __future__ import annotations

import math

import numpy as np

from amc.graph.channels import Label
from amc.graph.reshape import tie_pieces
from amc.graph.trace import Call, Trace


def channel_shuffle(trace: Trace, call: Call) -> None:
    """`(groups, width)` becomes `(width, groups)`: every group loses the same channels."""
    labels, groups = trace.labels(call.tensors()[0]), call.arguments["groups"]
    label = labels[1]
    if label is not None:
        label = np.repeat(tie_pieces(trace.channels, label.reshape(groups, -1), axis=1), groups)
    trace.label(call.out, (labels[0], label, *labels[2:]))


def pixel_shuffle(trace: Trace, call: Call) -> None:
    """The `factor ** 2` channels that one channel is made of go together."""
    *batch, label, _, _ = trace.labels(call.tensors()[0])
    if label is not None:
        label = tie_pieces(trace.channels, label.reshape(-1, call.arguments["upscale_factor"] ** 2), axis=0)
        label = label if len(label) > 1 else None
    trace.label(call.out, (*batch, label, None, None))


def pixel_unshuffle(trace: Trace, call: Call) -> None:
    """Each channel becomes `factor ** 2` of them, side by side."""
    *batch, label, _, _ = trace.labels(call.tensors()[0])
    if label is not None:
        label = np.repeat(label, call.arguments["downscale_factor"] ** 2)
    trace.label(call.out, (*batch, label, None, None))


def unfold(trace: Trace, call: Call) -> None:
    """Patches `(batch, channels * kernel, positions)`: each channel becomes as many as the kernel has places."""
    labels = trace.labels(call.tensors()[0])
    trace.freeze(labels[2:], f"channels read as positions by {call.where}")
    label = labels[1]
    if label is not None:
        label = np.repeat(label, math.prod(call.arguments["kernel_size"]))
    trace.label(call.out, (labels[0], label, None))


def fold(trace: Trace, call: Call) -> None:
    """The way back from patches: the rows that one channel is made of go together."""
    labels = trace.labels(call.tensors()[0])
    trace.freeze(labels[2:], f"channels read as positions by {call.where}")
    label = labels[1]
    if label is not None:
        label = tie_pieces(trace.channels, label.reshape(-1, math.prod(call.arguments["kernel_size"])), axis=0)
    trace.label(call.out, (labels[0], label, None, None))


def glu(trace: Trace, call: Call) -> None:
    """One half gates the other: both lose the same channels."""
    x = call.tensors()[0]
    axis = call.arguments.get("dim", -1) % x.ndim
    labels = list(trace.labels(x))
    label = labels[axis]
    if label is not None:
        labels[axis] = tie_pieces(trace.channels, label.reshape(2, -1), axis=1)
    trace.label(call.out, tuple(labels))


def repeat(trace: Trace, call: Call) -> None:
    """Each axis several times over."""
    x = call.tensors()[0]
    times = call.arguments["repeats"]
    fresh: list[Label] = [None] * (len(times) - x.ndim)
    labels = [
        None if label is None else np.tile(label, count)
        for label, count in zip(trace.labels(x), times[len(fresh) :], strict=True)
    ]
    trace.label(call.out, (*fresh, *labels))
