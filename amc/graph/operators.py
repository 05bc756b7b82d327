"""What each ATen operator does to the labels of its tensors.

`RULES` maps an operator's bare name (in-place underscore dropped) to its rule. Operators that torch itself tags as
pointwise need no entry. Whatever has no rule freezes every labelled channel that it reads, and is named as the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amc.graph.channels import Label, Labels
from amc.graph.views import reshape_labels
from amc.graph.watch import Call, LayerCall, Watch

Rule = Callable[[Watch, Call], None]


def apply(watch: Watch, func: Any, call: Call) -> None:
    """Note what one operator call did."""
    rule = RULES.get(call.name.rstrip("_"))
    if rule is None and torch.Tag.pointwise in func.tags:
        rule = pointwise
    if rule is not batch_norm:
        watch.read_elsewhere |= {layer for t in call.tensors() if (layer := watch.seen(t).layer) is not None}
    (rule or unknown)(watch, call)


# -- element by element ------------------------------------------------------------------------------------------


def pointwise(watch: Watch, call: Call) -> None:
    """Axes that are combined are tied; one combined with an axis that nothing is known of is frozen."""
    (out,) = call.outputs()
    result: list[Label] = [None] * out.ndim
    operands = [tensor for tensor in call.tensors() if tensor.ndim]
    for axis in range(1, out.ndim + 1):
        met = [t for t in operands if t.ndim >= axis and t.shape[-axis] == out.shape[-axis] and t.shape[-axis] > 1]
        labels = [watch.labels(tensor)[-axis] for tensor in met]
        known = [label for label in labels if label is not None]
        if not known:
            continue
        if len(known) < len(labels):
            for label in known:
                watch.channels.freeze(label, f"combined with a tensor of fixed size by {call.where}")
            continue
        for other in known[1:]:
            watch.channels.tie(known[0], other)
        result[-axis] = known[0]
    watch.label(out, tuple(result))


def identity(watch: Watch, call: Call) -> None:
    """The same tensor under another handle."""
    (out,) = call.outputs()
    source = watch.seen(call.tensors()[0])
    watch.label(out, source.labels, source.parameter, source.layer)


def unknown(watch: Watch, call: Call) -> None:
    """Freeze all that it reads."""
    for tensor in call.tensors():
        _freeze(watch, watch.labels(tensor), f"no rule for {call.where}")


# -- convolutions and linear operators: they consume channels and produce new ones ---------------------------------


def convolution(watch: Watch, call: Call) -> None:
    """`aten.convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)`."""
    given = call.arguments
    x, weight, bias = given["input"], given["weight"], given["bias"]
    transposed, groups = given["transposed"], given["groups"]
    x_labels, w_labels = watch.labels(x), watch.labels(weight)
    _freeze(watch, (x_labels[0], *x_labels[2:]), f"labelled batch or space read by {call.where}")
    out_axis, in_axis = (1, 0) if transposed else (0, 1)
    out_label, in_label, x_label = w_labels[out_axis], w_labels[in_axis], x_labels[1]
    watched = (call.out.shape if not transposed else x.shape)[2:]
    parameter = watch.seen(weight).parameter
    if parameter is None or (transposed and groups > 1):
        what = "transposed and grouped" if parameter else "with a computed weight"
        _freeze(watch, (*w_labels, x_label), f"convolution {what}: {call.where}")
        out_label = None
    elif groups == 1:
        _contract(watch, x_label, in_label, call)
    else:
        _contract_grouped(watch, x_label, in_label, out_label, weight.shape[0], x.shape[1], groups, call)
    _add_layer(
        watch,
        call,
        weight=weight,
        bias=bias,
        transposed_weight=transposed,
        inputs=(x_label, x.shape[1]),
        weight_in=(
            in_label if groups == 1 or _is_even(weight.shape[0], x.shape[1], groups) else None,
            weight.shape[in_axis],
        ),
        out=(out_label, call.out.shape[1]),
        positions=math.prod(watched),
        kernel=tuple(weight.shape[2:]),
        stride=tuple(given["stride"]),
        groups=groups,
        input_size=tuple(x.shape[2:]),
        labels=(None, out_label, *[None] * (call.out.ndim - 2)),
    )


def _is_even(out: int, inputs: int, groups: int) -> bool:
    """Whether a grouped convolution loses the same number in each group (else: whole groups).

    The choice that leaves more ways to cut: `groups` of them when whole groups go, as many as a group has channels
    when each group loses the same number. A depthwise convolution loses whole groups.
    """
    return min(out // groups, inputs // groups) > groups


def _contract_grouped(
    watch: Watch,
    x: Label,
    weight_in: Label,
    out: Label,
    outs: int,
    inputs: int,
    groups: int,
    call: Call,
) -> None:
    tie = watch.channels.tie
    if x is None:
        reason = f"fixed input of a grouped convolution, {call.where}"
        _freeze(watch, (weight_in, out), reason)
    elif _is_even(outs, inputs, groups):
        for label in (x, out):
            if label is not None:
                rows = label.reshape(groups, -1)
                for row in rows[1:]:
                    tie(rows[0], row)
        _contract(watch, x.reshape(groups, -1)[0], weight_in, call)
    else:
        first = x.reshape(groups, -1)[:, :1]
        for label in (x, out):
            if label is not None:
                rows = label.reshape(groups, -1)
                tie(np.broadcast_to(first, rows.shape).reshape(-1), rows.reshape(-1))


def addmm(watch: Watch, call: Call) -> None:
    """`aten.addmm(bias, x, weight)`: x (rows, in), weight (in, out)."""
    _linear(watch, call, call.arguments["mat1"], call.arguments["mat2"], call.arguments["self"])


def mm(watch: Watch, call: Call) -> None:
    """`aten.mm(x, weight)`: a linear layer without bias, or a product of two activations."""
    _linear(watch, call, call.arguments["self"], call.arguments["mat2"], None)


def _linear(watch: Watch, call: Call, x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    (rows, x_label), (in_label, out_label) = watch.labels(x), watch.labels(weight)
    _freeze(watch, (rows,), f"labelled rows read by {call.where}")
    known = watch.seen(weight)
    stored = watch.named.get(known.parameter or "", ())
    if known.parameter is None:
        _freeze(watch, (x_label, in_label, out_label), f"product with a computed weight: {call.where}")
        out_label = None
    else:
        _contract(watch, x_label, in_label, call)
    _add_layer(
        watch,
        call,
        weight=weight,
        bias=bias,
        transposed_weight=bool(stored) and stored[0] is in_label,
        inputs=(x_label, x.shape[1]),
        weight_in=(in_label, weight.shape[0]),
        out=(out_label, weight.shape[1]),
        positions=x.shape[0] // watch.batch,
        kernel=(),
        stride=(),
        groups=1,
        input_size=(),
        labels=(None, out_label),
    )


def _contract(watch: Watch, x: Label, weight_in: Label, call: Call) -> None:
    """Channel i of the input meets row i of the weight and goes no further."""
    if x is None:
        watch.channels.freeze(weight_in, f"fixed input of {call.where}")
    elif weight_in is None:
        watch.channels.freeze(x, f"read by {call.where}")
    else:
        watch.channels.tie(x, weight_in)


def _add_layer(watch: Watch, call: Call, weight: Tensor, bias: Tensor | None, labels: Labels, **known: Any) -> None:
    parameter = watch.seen(weight).parameter
    out = known["out"][0]
    if bias is not None:
        if out is None:
            _freeze(watch, watch.labels(bias), f"fixed output of {call.where}")
        else:
            watch.channels.tie(out, watch.labels(bias)[-1])
    layer = watch.add_layer(
        LayerCall(
            name=parameter.removesuffix(".weight") if parameter else call.module,
            call=watch.next_call(),
            weight=parameter,
            bias=watch.seen(bias).parameter if bias is not None else None,
            **known,
        )
    )
    watch.label(call.out, labels, layer=layer)


# -- norms, pooling, reductions ------------------------------------------------------------------------------------


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
    if layer is not None and watch.is_batch_norm(call.module):
        watch.norms[layer] = call.module
    watch.label(call.outputs()[0], labels)


def norm_over_channels(watch: Watch, call: Call) -> None:
    """Layer and group norm take statistics over channels: fewer channels would change them for those that stay."""
    for tensor in call.tensors():
        _freeze(watch, watch.labels(tensor), f"a norm over channels: {call.where}")


def spatial(watch: Watch, call: Call) -> None:
    """Pooling, resizing: works within each channel of `(batch, channels, ...)`."""
    x = call.tensors()[0]
    labels = watch.labels(x)
    _freeze(watch, labels[2:], f"labelled space read by {call.where}")
    watch.label(call.outputs()[0], (*labels[:2], *[None] * (x.ndim - 2)))


def reduction(watch: Watch, call: Call) -> None:
    """Mean, sum, maximum: labelled axes that it runs over are frozen."""
    x = call.tensors()[0]
    axes = _axes(call.arguments.get("dim"), x.ndim)
    labels = watch.labels(x)
    _freeze(watch, [labels[axis] for axis in axes], f"reduced over channels by {call.where}")
    keep = call.arguments.get("keepdim", False)
    left = [None if axis in axes else label for axis, label in enumerate(labels) if keep or axis not in axes]
    for out in call.outputs():
        watch.label(out, tuple(left))


def softmax(watch: Watch, call: Call) -> None:
    """Normalises over one axis, which is frozen."""
    x = call.tensors()[0]
    axes = _axes(call.arguments["dim"], x.ndim)
    labels = watch.labels(x)
    _freeze(watch, [labels[axis] for axis in axes], f"normalised over channels by {call.where}")
    watch.label(call.out, tuple(None if axis in axes else label for axis, label in enumerate(labels)))


# -- moving axes and positions -------------------------------------------------------------------------------------


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
        _freeze(
            watch,
            [labels[axis] for axis in changed],
            f"channels taken by a fixed position: {call.where}",
        )
        watch.label(out, tuple(None if axis in changed else label for axis, label in enumerate(labels)))


def select(watch: Watch, call: Call) -> None:
    """One position of an axis, which goes away."""
    x = call.tensors()[0]
    labels = list(watch.labels(x))
    label = labels.pop(call.arguments["dim"] % x.ndim)
    _freeze(watch, (label,), f"channels taken by a fixed position: {call.where}")
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
            _freeze(watch, known, f"combined with a tensor of fixed size by {call.where}")
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


def _axes(dim: int | Sequence[int] | None, ndim: int) -> list[int]:
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return list(range(ndim))
    return [axis % ndim for axis in ([dim] if isinstance(dim, int) else dim)]


def _freeze(watch: Watch, labels: Sequence[Label], reason: str) -> None:
    for label in labels:
        watch.channels.freeze(label, reason)


RULES: dict[str, Rule] = {
    name: rule
    for rule, names in (
        (convolution, "convolution"),
        (addmm, "addmm"),
        (mm, "mm"),
        (
            batch_norm,
            "native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit"
            " _native_batch_norm_legit_no_training _batch_norm_with_update _batch_norm_no_update",
        ),
        (norm_over_channels, "native_layer_norm native_group_norm _fused_rms_norm"),
        (pointwise, "hardswish _prelu_kernel zeros_like ones_like full_like empty_like"),
        (identity, "detach alias lift_fresh clone _to_copy"),
        (
            spatial,
            "max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d"
            " _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d upsample_nearest1d upsample_nearest2d"
            " upsample_nearest3d upsample_bilinear2d upsample_bicubic2d reflection_pad2d replication_pad2d",
        ),
        (reduction, "mean sum amax amin max min argmax argmin var std logsumexp"),
        (softmax, "_softmax _log_softmax"),
        (reshape, "view _unsafe_view unsqueeze squeeze"),
        (permute, "permute transpose t"),
        (expand, "expand"),
        (restride, "as_strided"),
        (take, "slice constant_pad_nd split split_with_sizes"),
        (select, "select"),
        (concatenate, "cat"),
    )
    for name in names.split()
}
