"""How many calibration images are processed at once, so that the largest activation stays within a memory limit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from amc.graph.inputs import Example, batch_size, join_batches, take_first
from amc.graph.structure import PruningGraph

LARGEST = 2**30
"""Bytes that the largest activation may take, of all calibration images together; above that, fewer images are used."""
FEWEST = 100
"""Calibration images that are used however much memory they take."""
LARGEST_AT_ONCE = 2**27
"""Bytes that the largest activation may take where the images can be processed in several batches."""


def calibration_batch(graph: PruningGraph, calibration: Sequence[Example]) -> Example:
    """Return the calibration images as one batch: as many as stay within `LARGEST`, and `FEWEST` at the least."""
    most = most_images(graph)
    before = accumulate((batch_size(batch) for batch in calibration), initial=0)
    return take_first(
        join_batches([batch for batch, start in zip(calibration, before, strict=False) if start < most]), most
    )


def most_images(graph: PruningGraph) -> int:
    """Return how many calibration images are used as one batch at the most."""
    return max(FEWEST, images_that_fit(graph, LARGEST))


def images_that_fit(graph: PruningGraph, most: int) -> int:
    """Return for how many images the largest activation (float32) takes at most `most` bytes; at least one."""
    largest = max(layer.positions * max(len(layer.out), len(layer.inputs)) for layer in graph.layers)
    return max(1, most // (4 * largest))
