"""Training of one block after the other, each to give what the original's block gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from amc.pruning.slicing import UnitMask
from amc.recovery.blocks import Blocks
from amc.recovery.calibration_copies import CalibrationCopies
from amc.recovery.held_out_training import BestState, Stepper, random_batches
from amc.recovery.output_distance import divisor

PEAK = 5e-4
"""The learning rate at its peak."""
CHECKS = 2
"""How often the held-out images are looked at in each block."""
BATCH = 32
"""The number of images of a step, and of those that are run at once."""
MOST_BYTES = 2**29
"""The size of the activations at one boundary; where two copies of the images would take more, there is one."""


def train_blocks(
    blocks: Blocks,
    mask: UnitMask,
    images: tuple[Tensor, Tensor],
    generator: torch.Generator,
    steps: int,
    stepper: Stepper,
) -> None:
    """Train all blocks but the last, in order, each on what the blocks before it give then.

    Args:
        blocks: The blocks of both networks.
        mask: The units that the compact network keeps, bool `(units,)`.
        images: Those that are trained on, and those by which the best state of each block is chosen, `(n, ...)` each.
        generator: Draws the images' copies and batches.
        steps: The number of steps of each block.
        stepper: Takes them.
    """
    seen, held = images
    most = 4 * len(seen) * max((boundary.values for boundary in blocks.boundaries), default=0)
    copies = CalibrationCopies(seen, 1 if 2 * most > MOST_BYTES else 2, generator)
    whole = copies.all()
    assert isinstance(whole, Tensor)
    both = [whole, held]  # to train on, and held out
    originals, inputs = both, both
    for number in range(len(blocks.boundaries)):
        block = _Block(blocks, number)
        originals = [block.original(x) for x in originals]
        targets = [blocks.boundaries[number].kept(x, mask) for x in originals]
        if block.parameters:
            best = BestState(block.parameters, lambda: block.error(inputs[1], targets[1]))  # noqa: B023
            losses = block.losses(inputs[0], targets[0], random_batches(copies.count, BATCH, generator))
            stepper.train(f"block {number + 1} of {len(blocks.boundaries) + 1}", best, losses, steps, PEAK, CHECKS)
        inputs = [block.compact(x) for x in inputs]


class _Block:
    """One block of both networks."""

    def __init__(self, blocks: Blocks, number: int) -> None:
        span = blocks.spans[number]
        self._run = lambda x: blocks.compact.run(x, *span)
        self._run_original = lambda x: blocks.original.run(x, *span)
        parameters = blocks.compact.parameters
        self.parameters = [parameters[name] for name in blocks.names[number] if name in parameters]

    def original(self, x: Tensor) -> Tensor:
        """What the original's block gives for `x`, `(n, ...)`."""
        return _in_parts(self._run_original, x)

    def compact(self, x: Tensor) -> Tensor:
        """What the compact network's block gives for `x`, `(n, ...)`."""
        return _in_parts(self._run, x)

    def error(self, x: Tensor, wanted: Tensor) -> float:
        """The squared error for `x` relative to the energy of what is wanted."""
        return float((self.compact(x).float() - wanted.float()).square().mean() / _divisor(wanted))

    def losses(self, x: Tensor, wanted: Tensor, batches: Iterator[Tensor]) -> Iterator[Tensor]:
        """The same for one batch after the other, through which gradients pass."""
        energy = _divisor(wanted)
        for batch in batches:
            numbers = batch.to(x.device)
            yield (self._run(x[numbers]).float() - wanted[numbers].float()).square().mean() / energy


def _divisor(wanted: Tensor) -> Tensor:
    return divisor(wanted.float().square().mean())


def _in_parts(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a block gives, computed for a few images at once; it may write into them."""
    with torch.no_grad():
        return torch.cat([run(part.clone()) for part in x.split(BATCH)])
