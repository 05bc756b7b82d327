"""The rows of a layer's least-squares problem: what it reads at some of its output positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from amc.graph import Layer

ROWS_PER_UNKNOWN = 8
"""The number of rows that are wanted for each unknown; with fewer, some are held out to choose the ridge."""
MOST_PER_UNKNOWN = 64
"""The number of rows for each unknown from which on more of them from the same images hardly help."""


def unknowns(layer: Layer) -> int:
    """The number of unknowns of least squares for each of the layer's outputs: its weights, and a constant."""
    return len(layer.weight_in) * math.prod(layer.kernel) + 1


def positions_per_image(layer: Layer, images: int, least: int) -> int:
    """The number of output positions to sample in each of `images` images.

    It is `least`, or as many as give `ROWS_PER_UNKNOWN`, but never more than the layer has.
    """
    return min(layer.positions, max(least, math.ceil(ROWS_PER_UNKNOWN * unknowns(layer) / images)))


def enough_positions(layer: Layer, images: int, least: int, most: int) -> int:
    """The number of output positions to sample in each of `images` images where more than the fewest are worth it.

    It is as many as give `MOST_PER_UNKNOWN`, between `least` and `most`; and no fewer than `positions_per_image`.
    """
    wanted = min(most, math.ceil(MOST_PER_UNKNOWN * unknowns(layer) / images))
    return positions_per_image(layer, images, max(least, wanted))


def draw_positions(
    size: Sequence[int],
    kernel: Sequence[int],
    geometry: Sequence[Sequence[int]],
    most: int,
    generator: torch.Generator,
) -> Tensor:
    """No more than `most` random output positions of a convolution, as indices into its flattened output, int64.

    Args:
        size: The size of the convolution's input, a number for each spatial dimension.
        kernel: The size of the kernel, likewise.
        geometry: Stride, padding and dilation, with a number for each spatial dimension.
        most: The number of positions that are drawn; all where there are fewer.
        generator: The generator that draws them.
    """
    return torch.randperm(math.prod(_output_size(size, kernel, geometry)), generator=generator)[:most]


def patches(x: Tensor, kernel: Sequence[int], geometry: Sequence[Sequence[int]], places: Tensor) -> Tensor:
    """The rows that a convolution reads at some output positions, the same in all images.

    Args:
        x: The convolution's input, `(batch, channels, *size)`; rows are taken fastest where its channels lie last.
        kernel: The size of the kernel, a number for each spatial dimension.
        geometry: Stride, padding and dilation, with a number for each spatial dimension.
        places: The positions, as indices into the flattened output, int64 `(positions,)`.

    Returns:
        Rows `(batch * positions, channels * kernel)`.
    """
    stride, padding, dilation = geometry
    out = _output_size(x.shape[2:], kernel, geometry)
    if any(padding):
        x = F.pad(x, [each for size in reversed(padding) for each in (size, size)])
    pixels = torch.zeros(len(places), *[1] * len(kernel), dtype=torch.int64)
    for axis, place in enumerate(torch.unravel_index(places, out)):
        taps = torch.arange(kernel[axis]) * dilation[axis]
        shape = [-1 if other == axis else 1 for other in range(len(kernel))]
        along = place.reshape(-1, *[1] * len(kernel)) * stride[axis] + taps.reshape(1, *shape)
        pixels = pixels * x.shape[2 + axis] + along  # (positions, *kernel), into the flattened input
    taken = x.flatten(2).transpose(1, 2).index_select(1, pixels.flatten().to(x.device))
    return taken.reshape(len(x) * len(places), -1, x.shape[1]).transpose(1, 2).flatten(1)


def _output_size(size: Sequence[int], kernel: Sequence[int], geometry: Sequence[Sequence[int]]) -> list[int]:
    stride, padding, dilation = geometry
    sizes = zip(size, kernel, stride, padding, dilation, strict=True)
    return [(pixels + 2 * border - spread * (taps - 1) - 1) // step + 1 for pixels, taps, step, border, spread in sizes]
