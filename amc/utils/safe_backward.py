"""Backward passes that stay inside their memory.

oneDNN, which runs PyTorch's convolutions on processors, copies the pixels that a strided 1x1 convolution reads into a
workspace before it computes the gradient of the weights. Where there are fewer input channels than fit a vector of the
processor (8 with AVX2, 16 with AVX-512) and the channels are last in memory, it writes past the end of that workspace
(seen in PyTorch 2.14.1, oneDNN 3.12): wrong gradients, or memory of something else destroyed, which ends Python sooner
or later. Pruned shortcuts of residual networks are such convolutions. In a transposed one the outputs are what is read.
`docs/safe-backward.md` has what was measured.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

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
    """Within it the backward passes of strided 1x1 convolutions on a processor write nothing past their memory.

    The pixels that such a convolution reads are picked by a slice, and the gradients are those of a convolution with
    stride 1: the same numbers but for rounding. Only what runs backward has to be inside, such as `loss.backward()`; a
    whole training loop may be. Forward passes, other convolutions and GPUs are as they were. It can be nested, and
    holds for all threads of the process while one of them is inside.

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


def _backward(
    keys: Any,
    slopes: Tensor,
    inputs: Tensor,
    weight: Tensor,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    asked: Sequence[bool],
) -> Gradients:
    """PyTorch's `convolution_backward`: the gradients of inputs, weights and bias, or None where one is not asked for.

    Args:
        keys: Those that PyTorch dispatched by.
        slopes: Gradient of the outputs [N, O, *].
        inputs: [N, I, *].
        weight: [O, I / groups, *kernel], or [I, O / groups, *kernel] of a transposed convolution.
        bias_sizes: Shape of the bias.
        stride: Of each dimension, or of all; likewise for `padding`, `dilation` and `output_padding`.
        padding: Pixels on either side.
        dilation: Distance of pixels under the kernel.
        transposed: Whether it is.
        output_padding: Pixels that are added to the outputs of a transposed convolution.
        groups: Their number.
        asked: Which of the gradients are.
    """
    if any(padding) or max(weight.shape[2:]) > 1 or max(stride) == 1:
        others = dilation, transposed, output_padding, groups, asked
        return _unsafe.call_boxed(keys, slopes, inputs, weight, bias_sizes, stride, padding, *others)
    dims = inputs.ndim - 2
    steps = list(stride) * (dims if len(stride) == 1 else 1)
    small = (inputs if transposed else slopes).shape[2:]
    picked: Any = (..., *(slice(0, size * step, step) for size, step in zip(small, steps, strict=True)))
    rest = [1] * dims, [0] * dims, dilation, transposed, [0] * dims, groups
    if transposed:
        of_bias = slopes.sum([0, *range(2, slopes.ndim)]) if asked[2] else None  # of the pixels between, too
        rest_asked = [asked[0], asked[1], False]
        few = _unsafe.call_boxed(keys, slopes[picked], inputs, weight, bias_sizes, *rest, rest_asked)
        return few[0], few[1], of_bias
    few = _unsafe.call_boxed(keys, slopes, inputs[picked], weight, bias_sizes, *rest, asked)
    if few[0] is None:
        return few
    of_inputs = torch.zeros_like(inputs)
    of_inputs[picked] = few[0]
    return of_inputs, few[1], few[2]
