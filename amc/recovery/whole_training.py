"""Training of a whole network to give the original's outputs, and what lies between its blocks on the way to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from amc.graph.inputs import Example, batch_size, clone_inputs, split_batch
from amc.graph.raw_heads import comparable_outputs
from amc.pruning.slicing import UnitMask
from amc.recovery.blocks import Blocks
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.calibration_copies import CalibrationCopies
from amc.recovery.held_out_training import BestState, Stepper, random_batches
from amc.recovery.output_distance import VALUES, divisor, float_tensors, output_distance

PEAK = 3e-4
"""The learning rate at its peak."""
CHECKS = 15
"""How often the held-out images are looked at."""
BATCH = 32
"""The number of images of a step, and of those that are run at once."""
COPIES = 50
"""The number of copies of the images that are trained on."""


class WholeTraining:
    """The training of a compact network as a whole.

    Args:
        network: The compact network in evaluation mode.
        original: The original with its calibration images.
        mask: The units that the compact network keeps, bool `(units,)`.
        blocks: The blocks of both; None where they can't be run block by block, and are trained on outputs alone.
        dtype: The number format of the forward pass.
    """

    def __init__(
        self,
        network: nn.Module,
        original: CalibratedNetwork,
        mask: UnitMask,
        blocks: Blocks | None,
        dtype: torch.dtype,
    ) -> None:
        self._network, self._original, self._mask = network, original, mask
        self._blocks, self._dtype = blocks, dtype

    def error(self, images: Example) -> float:
        """The mean loss on images, without gradients."""
        parts = list(split_batch(images, BATCH))
        with torch.no_grad():
            return sum(batch_size(part) * float(self._loss(part)) for part in parts) / batch_size(images)

    def train(self, best: BestState, seen: Example, generator: torch.Generator, steps: int, stepper: Stepper) -> None:
        """Train all parameters, and leave them in the best state.

        Args:
            best: The parameters, with the error on the images held out.
            seen: The images that are trained on, `(n, ...)`.
            generator: Draws the images' copies and batches.
            steps: The number of steps.
            stepper: Takes them.
        """
        copies = CalibrationCopies(seen, COPIES, generator)
        losses = self._losses(copies, random_batches(copies.count, BATCH, generator))
        stepper.train("all blocks together", best, losses, steps, PEAK, CHECKS)

    def _losses(self, copies: CalibrationCopies, batches: Iterator[Tensor]) -> Iterator[Tensor]:
        for batch in batches:
            yield self._loss(copies[batch])

    def _loss(self, x: Example) -> Tensor:
        """The mean distance of outputs, and the mean relative squared error at the boundaries of blocks."""
        if self._blocks is None:
            with torch.no_grad():
                wanted = self._run(self._original.model, x)
            return self._distance(self._run(self._network, x), wanted)
        assert isinstance(x, Tensor)
        original, found = x, x
        errors = []
        for span, boundary in zip(self._blocks.spans, (*self._blocks.boundaries, None), strict=True):
            with torch.no_grad():
                original = self._blocks.original.run(original.clone(), *span)
            found = self._blocks.compact.run(found.clone(), *span)
            if boundary is not None:
                wanted = boundary.kept(original, self._mask).float()
                errors.append((found.float() - wanted).square().mean() / divisor(wanted.square().mean()))
        distance = self._distance(found, original)
        return distance + torch.stack(errors).mean() if errors else distance

    def _distance(self, outputs: Any, originals: Any) -> Tensor:
        kinds = self._original.output_kinds or (VALUES,) * len(float_tensors(originals))
        return output_distance(outputs, originals, kinds).mean()

    def _run(self, network: nn.Module, x: Example) -> Any:
        device = next(network.parameters()).device.type
        with torch.autocast(device, self._dtype, enabled=self._dtype != torch.float32):
            return comparable_outputs(network, clone_inputs(x), self._original.graph.heads)
