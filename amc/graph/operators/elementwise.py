"""Rules of operators that work element by element, or return their input."""

from __future__ import annotations

from amc.graph.channels import Label
from amc.graph.trace import Call, Trace


def pointwise(trace: Trace, call: Call) -> None:
    """Tie the axes that are combined; freeze an axis that is combined with one without a label."""
    out = call.outputs()[0]
    result: list[Label] = [None] * out.ndim
    operands = [tensor for tensor in call.tensors() if tensor.ndim]
    for axis in range(1, out.ndim + 1):
        met = [t for t in operands if t.ndim >= axis and t.shape[-axis] == out.shape[-axis]]
        labels = [trace.labels(tensor)[-axis] for tensor in met]
        known = [label for label in labels if label is not None]
        if not known:
            continue
        if len(known) < len(labels):
            for label in known:
                trace.channels.freeze(label, f"combined with a tensor of fixed size by {call.where}")
            continue
        for other in known[1:]:
            trace.channels.tie(known[0], other)
        result[-axis] = known[0]
    for each in call.outputs():
        trace.label(each, tuple(result))


def identity(trace: Trace, call: Call) -> None:
    """Give the result the labels of the input: it is the same tensor under another handle."""
    (out,) = call.outputs()
    source = trace.info(call.tensors()[0])
    trace.label(out, source.labels, source.parameter, source.layer)


def uninitialised(trace: Trace, call: Call) -> None:
    """Label new memory with fresh atoms, which whatever is copied there will be tied to."""
    trace.label(
        call.out, tuple(trace.channels.new(n) if i == 1 and n > 1 else None for i, n in enumerate(call.out.shape))
    )


def constant(trace: Trace, call: Call) -> None:
    """Label nothing: a tensor of a fixed size, of which only the number format is another's."""
    trace.label(call.out, (None,) * call.out.ndim)


def unknown(trace: Trace, call: Call) -> None:
    """Freeze all channels that an operator without a rule reads."""
    for tensor in call.tensors():
        trace.freeze(trace.labels(tensor), f"no rule for {call.where}")
