"""Rules of products of activations, of which attention is made: heads, and channels that are summed over."""

from __future__ import annotations

import itertools
import math

from torch import Tensor

from amc.graph.channels import Label
from amc.graph.operators.elementwise import pointwise
from amc.graph.trace import Call, Trace


def bmm(trace: Trace, call: Call) -> None:
    """Follow a product of activations, `aten.bmm(left, right)`; `baddbmm` adds a tensor to it.

    The channels that are summed over are the same in both, so are those of the first axis (heads); rows and columns
    stay. Any number of each can be multiplied.
    """
    given = call.arguments
    left, right = (given[name] for name in (("batch1", "batch2") if "batch1" in given else ("self", "mat2")))
    (batch, rows, summed), (other_batch, other_summed, columns) = trace.labels(left), trace.labels(right)
    _tie(trace, call, summed, other_summed)
    _tie(trace, call, batch, other_batch)
    for label in (batch, other_batch, rows, summed, other_summed, columns):
        trace.channels.follow(label)
    trace.add_statistic(call, {2: summed})
    labels = (other_batch if batch is None else batch, rows, columns)
    if "batch1" in given:
        added = given["self"]
        _tie_added(trace, call, added, dict(zip((-3, -2, -1), labels, strict=True)))
    trace.label(call.out, labels)


def scaled_dot_product(trace: Trace, call: Call) -> None:
    """Follow `softmax(query @ key.T * scale + mask) @ value`, each `(batch, heads, places, channels)`.

    Heads are the same in all; queries and keys have the same channels, and the result those of the values. Where no
    scale is given it is one over the root of the keys' width, which a smaller network has to make up for.
    """
    given = call.arguments
    query, key, value = (trace.labels(given[name]) for name in ("query", "key", "value"))
    for each in (query, key, value):
        trace.freeze((each[0], each[2]), f"channels read as places by {call.where}")
    for other in (key, value):
        _tie(trace, call, query[1], other[1])
    _tie(trace, call, query[3], key[3])
    for label in (query[1], key[1], value[1], query[3], key[3], value[3]):
        trace.channels.follow(label)
    trace.add_statistic(call, {3: query[3]})
    if given.get("scale") is None:
        trace.scale_follows_width(given["query"], query[3], 0.5, call)
    mask = given.get("attn_mask", given.get("attn_bias"))
    if mask is not None:
        _tie_added(trace, call, mask, {-3: query[1]})
    out, *others = call.outputs()
    trace.label(out, (None, query[1], None, value[3]))
    for beside in others:
        trace.label(beside, (None,) * beside.ndim)


def add(trace: Trace, call: Call) -> None:
    """Combine two tensors; a sum with a bias is proportional to the entries of both."""
    pointwise(trace, call)
    tensors = call.tensors()
    if len(tensors) == 2 and tensors[1].ndim == 1:
        trace.sources.add(call.outputs()[0], tensors[0], trace.labels(tensors[1])[0])


def scale(trace: Trace, call: Call) -> None:
    """Combine two tensors, or multiply one by a number: one over the root of a width may have been computed from it."""
    pointwise(trace, call)
    numbers = [float(each) for each in call.arguments.values() if _is_number(each)]
    tensors = [each for each in call.tensors() if each.ndim]
    if len(numbers) != 1 or len(tensors) != 1 or numbers[0] <= 0:
        return
    trace.sources.keep(call.outputs()[0], tensors[0])
    if trace.holds(call.module, numbers[0]):
        return
    number = 1 / numbers[0] if call.name.startswith("div") else numbers[0]
    for label, exponent in itertools.product(trace.labels(tensors[0])[-2:], (0.5, 0.25)):
        if label is not None and math.isclose(number, len(label) ** -exponent, rel_tol=1e-6):
            trace.scale_follows_width(tensors[0], label, exponent, call)


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, Tensor) and not value.ndim and value.is_floating_point())


def _tie(trace: Trace, call: Call, left: Label, right: Label) -> None:
    if left is not None and right is not None and len(left) == len(right):
        trace.channels.tie(left, right)
    elif left is not None or right is not None:
        trace.freeze((left, right), f"combined with an axis of fixed size by {call.where}")


def _tie_added(trace: Trace, call: Call, added: Tensor, labels: dict[int, Label]) -> None:
    """Tie the axes of what is added to a product, counted from the last; its others are places."""
    for axis, own in enumerate(trace.labels(added), -added.ndim):
        if axis in labels and added.shape[axis] > 1:
            _tie(trace, call, labels[axis], own)
        else:
            trace.freeze((own,), f"channels read as places by {call.where}")
