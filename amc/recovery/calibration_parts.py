"""The division of calibration images into those that a network is trained on and those that judge what comes of it."""

from __future__ import annotations

from typing import NamedTuple

import torch

from amc.graph.batch_memory import calibration_batch
from amc.graph.inputs import Example, batch_size, join_batches, take
from amc.recovery.asymmetric import held_out_images, layers_to_solve
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.utils.errors import UserError

HELD_OUT = 0.15
"""The share of the calibration images that is held out, where closed forms hold none out."""


class CalibrationParts(NamedTuple):
    """Calibration images in parts.

    Attributes:
        seen: Those that are trained on, `(n, ...)`.
        held: Those that judge, `(n, ...)`; where images are few those that `amc.recovery.asymmetric` solved nothing on.
        drawn_from: All but the ones that judge, more than memory allows at once among them; None where images are
            plenty.
        most: How many images memory allows to solve on at once.
    """

    seen: Example
    held: Example
    drawn_from: Example | None
    most: int


def calibration_parts(original: CalibratedNetwork, generator: torch.Generator) -> CalibrationParts:
    """Divide the calibration images; the generator draws those that judge where closed forms hold none out.

    Raises:
        UserError: There are fewer than two.
    """
    inputs = calibration_batch(original.graph, original.calibration)
    count = batch_size(inputs)
    if count < 2:
        raise UserError(f"expected at least 2 calibration images to train on, got {count}")
    few = held_out_images(layers_to_solve(original.graph), count)
    if not few:
        order = torch.randperm(count, generator=generator)
        held_count = max(1, round(HELD_OUT * count))
        return CalibrationParts(take(inputs, order[held_count:]), take(inputs, order[:held_count]), None, count)
    every = join_batches(original.calibration)
    numbers = torch.arange(batch_size(every))
    is_held = (numbers >= count - few) & (numbers < count)
    seen = take(every, numbers[: count - few])
    return CalibrationParts(seen, take(every, numbers[is_held]), take(every, numbers[~is_held]), count)
