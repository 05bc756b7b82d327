"""Backward passes that stay inside their memory.

oneDNN, which runs PyTorch's convolutions on processors, copies the pixels that a strided 1x1 convolution reads into a
workspace before it computes the gradient of the weights. Where there are fewer input channels than fit a vector of the
processor (8 with AVX2, 16 with AVX-512) and the channels are last in memory, it writes past the end of that workspace
(seen in PyTorch 2.14.1, oneDNN 3.12): wrong gradients, or memory of something else destroyed, which ends Python sooner
or later. Pruned shortcuts of residual networks are such convolutions. In a transposed one the outputs are what is read.
`docs/safe-backward.md` has what was measured.

Those of depthwise convolutions in bfloat16 stay inside, but take several times as long as in float32. So they are
computed in float32 here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.library import Library, get_kernel

OPERATOR = "convolution_backward"
Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]
_unsafe = get_kernel(f"aten::{OPERATOR}", "CPU")
_lock = threading.Lock()
_entered = 0
_library: Library | None = None  # takes the place of PyTorch's kernel while it exists


@contextmanager
def safe_backward() -> Iterator[None]:
    """Keep the backward passes of strided 1x1 convolutions on a CPU inside their memory, while the context is open.

    The pixels that such a convolution reads are picked by a slice, and the gradients are those of a convolution with
    stride 1: the same numbers but for rounding. Those of depthwise convolutions in bfloat16 are computed in float32
    where that is several times faster. Only what runs backward has to be inside, such as `loss.backward()`; a whole
    training loop may be. Forward passes, other convolutions and GPUs are not affected. Contexts can be nested, and one
    holds for all threads of the process.

        with amc.safe_backward():
            loss.backward()
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _entered, _library
    with _lock:
        _entered += 1
        if _library is None:
            _library = Library("aten", "IMPL")
            _library.impl(OPERATOR, _backward, "CPU", with_keyset=True)


def _leave() -> None:
    global _entered, _library
    with _lock:
        _entered -= 1
        if not _entered:
            _library = None


class _Convolution(NamedTuple):
    """The arguments of `aten::convolution_backward` behind the tensors, in its order.

    Attributes:
        bias_sizes: Shape of the bias, None where there is none.
        stride: Step of each dimension, or one for all; likewise `padding`, `dilation` and `output_padding`.
        padding: Zeros added on either side.
        dilation: Distance between neighbouring pixels under the kernel.
        transposed: Whether the convolution is a transposed one.
        output_padding: Pixels added to the outputs of a transposed convolution.
        groups: Number of groups.
        asked: Whether the gradients of inputs, weights and bias are wanted.
    """

    bias_sizes: Sequence[int] | None
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    transposed: bool
    output_padding: Sequence[int]
    groups: int
    asked: Sequence[bool]


def _backward(keys: Any, slopes: Tensor, inputs: Tensor, weight: Tensor, *arguments: Any) -> Gradients:
    """PyTorch's `convolution_backward`: the gradients of inputs, weights and bias, or None where one is not asked for.

    Args:
        keys: The dispatch keys with which PyTorch called the operator.
        slopes: Gradient of the outputs [N, O, *].
        inputs: Inputs of the forward pass [N, I, *].
        weight: The kernel [O, I / groups, *], or [I, O / groups, *] of a transposed convolution.
        arguments: The fields of `_Convolution`.
    """
    convolution = _Convolution(*arguments)
    if weight.dtype == torch.bfloat16 and _is_slow_in_bfloat16(weight, convolution):
        wide = _backward(keys, slopes.float(), inputs.float(), weight.float(), *convolution)
        return tuple(None if each is None else each.bfloat16() for each in wide)  # type: ignore[return-value]
    _, stride, padding, _, transposed, _, _, asked = convolution
    if any(padding) or max(weight.shape[2:]) > 1 or max(stride) == 1:
        return _unsafe.call_boxed(keys, slopes, inputs, weight, *convolution)
    dims = inputs.ndim - 2
    steps = list(stride) * (dims if len(stride) == 1 else 1)
    small = (inputs if transposed else slopes).shape[2:]
    picked: Any = (..., *(slice(0, size * step, step) for size, step in zip(small, steps, strict=True)))
    unit = convolution._replace(stride=[1] * dims, padding=[0] * dims, output_padding=[0] * dims)
    if transposed:
        of_bias = slopes.sum([0, *range(2, slopes.ndim)]) if asked[2] else None  # of the pixels between, too
        without_bias = unit._replace(asked=[asked[0], asked[1], False])
        few = _unsafe.call_boxed(keys, slopes[picked], inputs, weight, *without_bias)
        return few[0], few[1], of_bias
    few = _unsafe.call_boxed(keys, slopes, inputs[picked], weight, *unit)
    if few[0] is None:
        return few
    of_inputs = torch.zeros_like(inputs)
    of_inputs[picked] = few[0]
    return of_inputs, few[1], few[2]


def _is_slow_in_bfloat16(weight: Tensor, convolution: _Convolution) -> bool:
    """Whether it is a depthwise convolution with a kernel or a stride that oneDNN has no quick way for."""
    is_depthwise = convolution.groups > 1 and weight.shape[1] == 1
    return is_depthwise and (max(weight.shape[2:]) > 3 or max(convolution.stride) > 1)
