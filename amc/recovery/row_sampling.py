"""The rows of a layer's least-squares problem: what it reads at some of its output positions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from amc.graph import Layer

ROWS_PER_UNKNOWN = 8
"""The number of rows that are wanted for each unknown; with fewer, some are held out to choose the ridge."""


def unknowns(layer: Layer) -> int:
    """The number of unknowns of least squares for each of the layer's outputs: its weights, and a constant."""
    return len(layer.weight_in) * math.prod(layer.kernel) + 1


def positions_per_image(layer: Layer, images: int, least: int) -> int:
    """The number of output positions to sample in each of `images` images.

    It is `least`, or as many as give `ROWS_PER_UNKNOWN`, but never more than the layer has.
    """
    return min(layer.positions, max(least, math.ceil(ROWS_PER_UNKNOWN * unknowns(layer) / images)))


def patches(
    x: Tensor,
    kernel: Sequence[int],
    geometry: Sequence[Sequence[int]],
    most: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The rows that a convolution reads at no more than `most` random output positions, the same in all images.

    Args:
        x: The convolution's input, `(batch, channels, *size)`.
        kernel: The size of the kernel, a number for each spatial dimension.
        geometry: Stride, padding and dilation, with a number for each spatial dimension.
        most: The number of positions that are drawn; all where there are fewer.
        generator: The generator that draws them.

    Returns:
        Rows `(batch * positions, channels * kernel)`, and the positions as indices into the flattened output.
    """
    stride, padding, dilation = geometry
    x = F.pad(x, [each for size in reversed(padding) for each in (size, size)])
    reach = [step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=True)]
    out = [(size - far) // step + 1 for size, far, step in zip(x.shape[2:], reach, stride, strict=True)]
    places = torch.randperm(math.prod(out), generator=generator)[:most]
    index: list[Any] = [slice(None), slice(None)]
    for axis, place in enumerate(torch.unravel_index(places, out)):
        taps = torch.arange(kernel[axis]) * dilation[axis]
        shape = [-1 if other == axis else 1 for other in range(len(kernel))]
        index.append(place.reshape(-1, *[1] * len(kernel)) * stride[axis] + taps.reshape(1, *shape))
    taken = x[tuple(index)]  # (batch, channels, positions, *kernel)
    return taken.transpose(1, 2).flatten(0, 1).flatten(1), places
