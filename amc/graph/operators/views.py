"""Rules of operators that show the same numbers under another shape or order of axes."""

from __future__ import annotations

from amc.graph.channels import Label, Labels
from amc.graph.operators.elementwise import identity, unknown
from amc.graph.reshape import reshape_labels
from amc.graph.size_origins import SizeOf
from amc.graph.trace import Call, Trace


def reshape(trace: Trace, call: Call) -> None:
    """Carry labels to another shape in row-major order (view, flatten, squeeze), which an attribute may hold."""
    x = call.tensors()[0]
    if x.shape == call.out.shape:
        return identity(trace, call)
    labels = reshape_labels(trace.channels, trace.labels(x), x.shape, call.out.shape, call.where)
    if any(label is not None for label in labels) and not trace.follow_size(call.module, call.out.shape, labels):
        _follow_asked(trace, call, labels)
    trace.label(call.out, labels)
    return None


def _follow_asked(trace: Trace, call: Call, labels: Labels) -> None:
    """Record where the sizes of labelled axes come from: other tensors, whose channels are tied, or attributes."""
    asked = trace.asked if trace.asked is not None and len(trace.asked) == len(labels) else (None,) * len(labels)
    for axis, (size, label) in enumerate(zip(asked, labels, strict=True)):
        origin = size.label if isinstance(size, SizeOf) else trace.attended
        if origin is None or label is None:
            continue
        if len(label) == len(origin):
            trace.channels.equal.append((origin, label))
        elif axis and (outer := labels[axis - 1]) is not None and len(outer) * len(label) == len(origin):
            trace.channels.equal.append((origin, trace.channels.product([outer, label], call.where)))
    inside = trace.attended is not None
    given = tuple(
        label if inside or (size is not None and size != -1 and not isinstance(size, SizeOf)) else None
        for size, label in zip(asked, labels, strict=True)
    )
    trace.follow_sizes(call.module, call.out.shape, given)


def permute(trace: Trace, call: Call) -> None:
    """Reorder the labels as the axes are reordered (permute, transpose, t)."""
    x = call.tensors()[0]
    given = call.arguments
    if "dims" in given:
        order = [axis % x.ndim for axis in given["dims"]]
    else:
        order = list(range(x.ndim))
        first, second = (given["dim0"], given["dim1"]) if "dim0" in given else (0, -1)
        if x.ndim > 1:
            order[first], order[second] = order[second], order[first]
    known = trace.info(x)
    trace.label(call.out, tuple(known.labels[axis] for axis in order), known.parameter)


def expand(trace: Trace, call: Call) -> None:
    """Repeat axes of size 1: their one number serves any channels, so they get fresh atoms; the other axes stay.

    Nothing is known of the channels that an axis without a label serves, unless an attribute holds their number.
    """
    x = call.tensors()[0]
    fresh: list[Label] = [None] * (call.out.ndim - x.ndim)
    sizes = call.out.shape[len(fresh) :]
    labels = [
        trace.channels.new(size) if label is not None and len(label) < size else label
        for label, size in zip(trace.labels(x), sizes, strict=True)
    ]
    result = [*fresh, *labels]
    asked = trace.asked if trace.asked is not None and len(trace.asked) == len(result) else (None,) * len(result)
    for axis, size in enumerate(asked):
        is_repeated = axis >= len(fresh) and result[axis] is None and x.shape[axis - len(fresh)] < call.out.shape[axis]
        if is_repeated and isinstance(size, int) and not isinstance(size, SizeOf) and size > 1:
            served = trace.channels.new(size)
            if trace.follow_sizes(call.module, (size,), (served,)):
                result[axis] = served
    trace.label(call.out, tuple(result))


def restride(trace: Trace, call: Call) -> None:
    """Pass labels through `as_strided_` to `(batch, channels, 1, 1)`, by which pooling changes the layout alone."""
    x, out = call.tensors()[0], call.out
    sizes = [1 if label is None else len(label) for label in trace.labels(x)]
    same_values = x.stride()[:2] == out.stride()[:2] and out.stride()[1:2] == (1,) and set(out.shape[2:]) <= {1}
    if same_values and not call.arguments.get("storage_offset") and sizes[1:] == list(out.shape[1:]):
        identity(trace, call)
    else:
        unknown(trace, call)
