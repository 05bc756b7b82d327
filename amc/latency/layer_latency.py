"""The latency of one layer over its numbers of channels, from few measurements.

Two profiles are measured closely: over the input channels with all outputs, and over the output channels with all
inputs. Runtimes compute several channels at once, so both are staircases. In between, the latency is bilinear in *what
the profiles say*, not in the channels themselves: a stair of either profile stays a stair everywhere, and where the
time is a product of the two, as it is for a large layer, the interpolation is exact.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from amc.latency.layer_shapes import LayerShape

Point = tuple[int, int]
"""The numbers of input and of output channels."""
LEAST = 1e-4
"""The least share of the whole layer's latency."""
GRAIN = 4
"""The number of channels that widths are measured in multiples of: processors compute that many at once at the least,
and what is not a multiple may be slower than the next one that is."""


class LayerLatency:
    """The latency of a layer as a share of its latency with all channels; it never falls when channels are added.

    Args:
        shape: The layer.
        points: Measured shares; that with all channels is 1. Those of `corners` and of both ends of the profiles are
            needed.
        least: The fewest channels.

    Attributes:
        inputs: The shares by the number of input channels, from 0 on, with all outputs, `(inputs + 1,)`.
        outputs: The shares by the number of output channels, from 0 on, with all inputs, `(outputs + 1,)`.
        nodes_in: The values of the input profile at the rows of the grid, ascending, `(3,)`.
        nodes_out: The values of the output profile at the columns of the grid, ascending, `(3,)`.
        grid: The shares at rows and columns, `(3, 3)`.
    """

    def __init__(self, shape: LayerShape, points: Mapping[Point, float], least: Point) -> None:
        full = (shape.inputs, shape.outputs)
        known = {**points, full: 1.0}
        if shape.tied:  # both go together: one profile, and outputs that say nothing
            self.inputs = _profile({i: share for (i, _), share in known.items()}, shape.inputs)
            self.outputs = np.ones(shape.outputs + 1)
            self.nodes_in, self.nodes_out = np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 1.0])
            self.grid = np.repeat(self.nodes_in[:, None], 3, axis=1)
            return
        self.inputs = _profile({i: share for (i, o), share in known.items() if o == full[1]}, full[0])
        self.outputs = _profile({o: share for (i, o), share in known.items() if i == full[0]}, full[1])
        rows, columns = (grid_widths(low, high) for low, high in zip(least, full, strict=True))
        self.nodes_in, self.nodes_out = self.inputs[list(rows)], self.outputs[list(columns)]
        edges = np.minimum(self.nodes_in[:, None], self.nodes_out)  # in the last row and column these are the profiles
        grid = np.array([[known.get((i, o), edges[r, c]) for c, o in enumerate(columns)] for r, i in enumerate(rows)])
        grid[:, -1], grid[-1, :] = self.nodes_in, self.nodes_out
        grid = np.maximum(grid, LEAST)
        self.grid = np.minimum(_monotone(_monotone(grid, 0), 1), np.minimum(grid[:, -1:], grid[-1:, :]))

    def __call__(self, inputs: int, outputs: int) -> float:
        """The share of the latency with those numbers of channels."""
        u, v = self.inputs[inputs : inputs + 1], self.outputs[outputs : outputs + 1]
        return float(bilinear(u, v, self.nodes_in[None], self.nodes_out[None], self.grid[None])[0])


def bilinear(
    u: NDArray[np.float64],
    v: NDArray[np.float64],
    nodes_in: NDArray[np.float64],
    nodes_out: NDArray[np.float64],
    grid: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The bilinear interpolation in each of n grids at one place, `(n,)`.

    Args:
        u: The place along the rows, `(n,)`.
        v: The place along the columns, `(n,)`.
        nodes_in: The rows, `(n, 3)`.
        nodes_out: The columns, `(n, 3)`.
        grid: The values at rows and columns, `(n, 3, 3)`.
    """
    every = np.arange(len(u))
    row, down = _cell(u, nodes_in)
    column, right = _cell(v, nodes_out)
    low = grid[every, row, column] * (1 - right) + grid[every, row, column + 1] * right
    high = grid[every, row + 1, column] * (1 - right) + grid[every, row + 1, column + 1] * right
    result: NDArray[np.float64] = low * (1 - down) + high * down
    return result


def grid_widths(least: int, full: int) -> tuple[int, int, int]:
    """The three numbers of channels of a grid: the least, one between, all."""
    return least, between(least, full), full


def between(low: int, high: int) -> int:
    """A width about halfway between two others, a multiple of `GRAIN` where there is one between them."""
    middle = round((low + high) / 2 / GRAIN) * GRAIN
    return middle if low < middle < high else (low + high) // 2


def corners(shape: LayerShape, least: Point) -> list[Point]:
    """The points that a grid needs besides the profiles."""
    if shape.tied:
        return []
    rows, columns = grid_widths(least[0], shape.inputs), grid_widths(least[1], shape.outputs)
    inner = {(i, o) for i in rows for o in columns}
    return sorted((i, o) for i, o in inner if i < shape.inputs and o < shape.outputs)


def _cell(place: NDArray[np.float64], nodes: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The lower node of the cell that each place is in, and how far into it the place is, in [0, 1]."""
    lower = (place > nodes[:, 1]).astype(np.int64)
    every = np.arange(len(place))
    begin, end = nodes[every, lower], nodes[every, lower + 1]
    width = end - begin
    return lower, np.where(width > 0, np.clip((place - begin) / np.where(width > 0, width, 1.0), 0.0, 1.0), 1.0)


def _profile(shares: Mapping[int, float], full: int) -> NDArray[np.float64]:
    widths = np.array(sorted(shares))
    values = _monotone(np.array([shares[width] for width in widths]), 0)
    return np.interp(np.arange(full + 1), widths, np.maximum(values / values[-1], LEAST))


def _monotone(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The values made non-decreasing along an axis: midway between running maximum and later minimum, without bias."""
    rising = np.maximum.accumulate(values, axis=axis)
    falling = np.flip(np.minimum.accumulate(np.flip(values, axis=axis), axis=axis), axis=axis)
    result: NDArray[np.float64] = (rising + falling) / 2
    return result
