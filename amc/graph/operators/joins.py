"""Rules of operators that join tensors along an axis."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from amc.graph.channels import Label, Labels
from amc.graph.trace import Call, Trace


def concatenate(trace: Trace, call: Call) -> None:
    """Join the labels along the axis, and tie the other axes of all tensors."""
    parts = [tensor for tensor in call.tensors() if tensor.ndim == call.out.ndim]  # others are empty
    axis = call.arguments.get("dim", 0) % call.out.ndim
    columns = zip(*(trace.labels(part) for part in parts), strict=True)
    trace.label(
        call.out,
        tuple(
            _joined(trace, call, parts, axis) if place == axis else combine(trace, call, labels)
            for place, labels in enumerate(columns)
        ),
    )


def stack(trace: Trace, call: Call) -> None:
    """Tie all axes of the tensors; the new axis has no label."""
    axis = call.arguments.get("dim", 0) % call.out.ndim
    columns = zip(*(trace.labels(part) for part in call.tensors()), strict=True)
    labels = [combine(trace, call, each) for each in columns]
    trace.label(call.out, (*labels[:axis], None, *labels[axis:]))


def _joined(trace: Trace, call: Call, parts: list[Tensor], axis: int) -> Label:
    """Return the labels side by side; where some are known, the others get fresh atoms that can't be cut."""
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


def combine(trace: Trace, call: Call, labels: Labels) -> Label:
    """Return one label for an axis of several tensors: tied, or frozen and None where one of them has no label."""
    known = [label for label in labels if label is not None]
    if len(known) < len(labels):
        trace.freeze(known, f"combined with a tensor of fixed size by {call.where}")
        return None
    for other in known[1:]:
        trace.channels.tie(known[0], other)
    return known[0]
