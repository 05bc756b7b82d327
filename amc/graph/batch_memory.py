"""How many calibration images are processed at once, so that the largest activation stays within a memory limit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from amc.graph.inputs import Example, batch_size, join_batches, take_first
from amc.graph.structure import PruningGraph

LARGEST = 2**30
"""Bytes that the largest activation may take, of all images together: with more, fewer images are used."""
FEWEST = 100
"""Images that are used all the same."""
LARGEST_AT_ONCE = 2**27
"""Bytes that an activation may take where images can be read in parts."""


def calibration_batch(graph: PruningGraph, calibration: Sequence[Example]) -> Example:
    """The calibration images as one batch, as many as fit."""
    most = max(FEWEST, images_that_fit(graph, LARGEST))
    before = accumulate((batch_size(batch) for batch in calibration), initial=0)
    return take_first(
        join_batches([batch for batch, start in zip(calibration, before, strict=False) if start < most]), most
    )


def images_that_fit(graph: PruningGraph, most: int) -> int:
    """Of how many images the largest activation takes at most so many bytes; at least one."""
    largest = max(layer.positions * max(len(layer.out), len(layer.inputs)) for layer in graph.layers)
    return max(1, most // (4 * largest))
