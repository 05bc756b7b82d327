"""A convolution, a sum behind it, and an activation behind both, computed by one operator of oneDNN.

oneDNN, which runs PyTorch's convolutions on processors, applies both to what it has just computed, so that nothing is
written to memory and read again. Convolutions with few outputs compute two pixels at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

HALF_A_VECTOR = 8 if "AVX512" in torch.backends.cpu.get_cpu_capability() else 4
"""The number of channels that fill half of what the processor multiplies at once."""
WIDE = 32
"""The number of pixels in a row from which on it pays to compute two of them together."""


@dataclass(frozen=True)
class ConvolutionOptions:
    """The options of a convolution over images, and the activation behind it.

    Attributes:
        stride: Steps along height and width.
        padding: Zeros on each side of height and width.
        dilation: Distance between the taps of the kernel.
        groups: The number of groups; None where it follows from the weight.
        activation: oneDNN's name of the activation, None for none.
        scalars: Further arguments of the activation.
    """

    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    groups: int | None
    activation: str | None = None
    scalars: Sequence[float] = ()


def fused_convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, other: Tensor | None, options: ConvolutionOptions
) -> Tensor:
    """The activation of the sum of a convolution and `other`, `(n, out, h, w)`, with channels last.

    Args:
        x: The images, `(n, c, h, w)`.
        weight: The weight, `(out, c / groups, *kernel)`.
        bias: The bias, `(out,)`.
        other: What is added, of the output's shape; None for nothing.
        options: Stride, padding, dilation, groups and activation.
    """
    groups = options.groups or x.shape[1] // weight.shape[1]
    geometry = options.padding, options.stride, options.dilation, groups
    operator = torch.ops.mkldnn._convolution_pointwise
    scalars = list(options.scalars)
    if other is not None:
        added = "add", 1.0, options.activation, scalars, ""
        out: Tensor = operator.binary(x, other, weight, bias, *geometry, *added)
        return out
    activation = options.activation or "none", scalars, ""
    if len(weight) <= HALF_A_VECTOR and groups == 1 and _pays_in_pairs(x, weight, options):
        pair = torch.cat([F.pad(weight, (0, 1)), F.pad(weight, (1, 0))]).contiguous(memory_format=torch.channels_last)
        biases = None if bias is None else bias.repeat(2)
        out = operator(x, pair, biases, options.padding, (1, 2), options.dilation, groups, *activation)
        n, channels, height, width = out.shape
        return out.permute(0, 2, 3, 1).view(n, height, 2 * width, channels // 2).permute(0, 3, 1, 2)
    plain: Tensor = operator(x, weight, bias, *geometry, *activation)
    return plain


def _pays_in_pairs(x: Tensor, weight: Tensor, options: ConvolutionOptions) -> bool:
    """Whether two neighbours of a row can be computed as the channels of one pixel, and it is worth it.

    Channels lie last, so what comes out lies in memory as it would one by one, while the few channels of a narrow layer
    fill the processor's vectors twice as well.
    """
    wide = x.shape[3] >= WIDE and x.shape[3] % 2 == 0
    dense = list(options.stride) == [1, 1] and list(options.dilation) == [1, 1]
    same_width = weight.shape[3] == 2 * options.padding[-1] + 1 and dense
    return wide and same_width and x.is_contiguous(memory_format=torch.channels_last)
