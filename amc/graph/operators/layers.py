"""Rules of convolutions and linear operators, which consume channels and produce new ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from amc.graph.channels import Label, Labels
from amc.graph.trace import Call, LayerCall, Trace


def convolution(trace: Trace, call: Call) -> None:
    """Record a layer, tie its input channels to the weight's input axis, and label its output as the weight's outputs.

    The operator is `aten.convolution(input, weight, bias, stride, padding, ..., transposed, ..., groups)`. A grouped
    convolution also ties channels of its input, and of its output, to each other. Channels are frozen where the weight
    is computed, or the convolution is transposed and grouped.
    """
    given = call.arguments
    x, weight, bias = given["input"], given["weight"], given["bias"]
    transposed, groups = given["transposed"], given["groups"]
    x_labels, w_labels = trace.labels(x), trace.labels(weight)
    trace.freeze((x_labels[0], *x_labels[2:]), f"channels read as positions by {call.where}")
    out_axis, in_axis = (1, 0) if transposed else (0, 1)
    out_label, in_label, x_label = w_labels[out_axis], w_labels[in_axis], x_labels[1]
    space = (call.out.shape if not transposed else x.shape)[2:]
    parameter = _stored(trace, weight)
    fixed = None
    if parameter is None or (transposed and groups > 1):
        kind = "transposed and grouped" if parameter else f"with a {_kind(trace, weight)}"
        fixed = f"convolution {kind}: {call.where}"
        trace.freeze((*w_labels, x_label), fixed)
        out_label = None
    elif groups == 1:
        _contract(trace, x_label, in_label, call)
    else:
        _contract_grouped(trace, x_label, in_label, out_label, weight.shape[0], x.shape[1], groups, call)
    _add_layer(
        trace,
        call,
        parameter,
        weight=weight,
        bias=bias,
        fixed=fixed,
        transposed_weight=transposed,
        inputs=(x_label, x.shape[1]),
        weight_in=(
            in_label if groups == 1 or _is_even(weight.shape[0], x.shape[1], groups) else None,
            weight.shape[in_axis],
        ),
        out=(out_label, call.out.shape[1]),
        positions=math.prod(space) * max(trace.positions(x), 1),
        kernel=tuple(weight.shape[2:]),
        stride=tuple(given["stride"]),
        groups=groups,
        input_size=tuple(x.shape[2:]),
        labels=(None, out_label, *[None] * (call.out.ndim - 2)),
    )


def _stored(trace: Trace, weight: Tensor) -> str | None:
    """Return the name of the parameter that a weight is; None where it is computed or its axes have changed places."""
    parameter = trace.parameter(weight)
    stored = trace.stored_labels.get(parameter or "", ())
    return parameter if all(a is b for a, b in zip(stored, trace.labels(weight), strict=False)) else None


def _kind(trace: Trace, weight: Tensor) -> str:
    """Return what a weight is that can't be cut."""
    is_buffer = trace.info(weight).parameter is not None and trace.parameter(weight) is None
    return "weight that is no parameter" if is_buffer else "computed weight"


def _is_even(out: int, inputs: int, groups: int) -> bool:
    """Return whether a grouped convolution loses equally many channels in each group, rather than whole groups.

    The choice is the one that leaves more ways to cut: there are `groups` of them if whole groups of the convolution
    go, and as many as a group has channels if each loses the same number. A depthwise convolution loses whole groups.
    """
    return min(out // groups, inputs // groups) > groups


def _contract_grouped(
    trace: Trace,
    x: Label,
    weight_in: Label,
    out: Label,
    outs: int,
    inputs: int,
    groups: int,
    call: Call,
) -> None:
    tie = trace.channels.tie
    if x is None:
        reason = f"fixed input of a grouped convolution, {call.where}"
        trace.freeze((weight_in, out), reason)
    elif _is_even(outs, inputs, groups):
        for label in (x, out):
            if label is not None:
                rows = label.reshape(groups, -1)
                for row in rows[1:]:
                    tie(rows[0], row)
        _contract(trace, x.reshape(groups, -1)[0], weight_in, call)
    else:
        first = x.reshape(groups, -1)[:, :1]
        for label in (x, out):
            if label is not None:
                rows = label.reshape(groups, -1)
                tie(np.broadcast_to(first, rows.shape).reshape(-1), rows.reshape(-1))


def addmm(trace: Trace, call: Call) -> None:
    """Record a linear layer with bias, `aten.addmm(bias, x, weight)`: x (rows, in), weight (in, out)."""
    _linear(trace, call, call.arguments["mat1"], call.arguments["mat2"], call.arguments["self"])


def mm(trace: Trace, call: Call) -> None:
    """Record `aten.mm(x, weight)`: a linear layer without bias, or a product of two activations."""
    _linear(trace, call, call.arguments["self"], call.arguments["mat2"], None)


def _linear(trace: Trace, call: Call, x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    (rows, x_label), (in_label, out_label) = trace.labels(x), trace.labels(weight)
    trace.freeze((rows,), f"channels read as rows by {call.where}")
    parameter = trace.parameter(weight)
    stored = trace.stored_labels.get(parameter or "", ())
    fixed = None
    if parameter is None:
        fixed = f"product with a {_kind(trace, weight)}: {call.where}"
        trace.freeze((x_label, in_label, out_label), fixed)
        out_label = None
    else:
        _contract(trace, x_label, in_label, call)
    _add_layer(
        trace,
        call,
        parameter,
        weight=weight,
        bias=bias,
        fixed=fixed,
        transposed_weight=bool(stored) and stored[0] is in_label,
        inputs=(x_label, x.shape[1]),
        weight_in=(in_label, weight.shape[0]),
        out=(out_label, weight.shape[1]),
        positions=trace.positions(x),
        kernel=(),
        stride=(),
        groups=1,
        input_size=(),
        labels=(None, out_label),
    )
    if out_label is not None:
        trace.sources.begin(call.out, out_label, None if bias is None else trace.labels(bias)[-1])


def _contract(trace: Trace, x: Label, weight_in: Label, call: Call) -> None:
    """Tie channel i of the input to row i of the weight, where both end."""
    if x is None:
        trace.channels.freeze(weight_in, f"fixed input of {call.where}")
    elif weight_in is None:
        trace.channels.freeze(x, f"read by {call.where}")
    else:
        trace.channels.tie(x, weight_in)


def _add_layer(
    trace: Trace,
    call: Call,
    parameter: str | None,
    weight: Tensor,
    bias: Tensor | None,
    labels: Labels,
    **known: Any,
) -> None:
    name = parameter or trace.info(weight).parameter
    out = known["out"][0]
    if bias is not None:
        if out is None:
            trace.freeze(trace.labels(bias), f"fixed output of {call.where}")
        else:
            trace.channels.tie(out, trace.labels(bias)[-1])
    layer = trace.add_layer(
        LayerCall(
            name=name.removesuffix(".weight") if name else call.module,
            call=trace.next_call(),
            weight=parameter,
            bias=None if bias is None else trace.parameter(bias),
            **known,
        )
    )
    trace.label(call.out, labels, layer=layer)
