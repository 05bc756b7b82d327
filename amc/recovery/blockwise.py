"""Recovery by gradients: each block learns to give what the original's gives, then all learn to give its outputs.

Where calibration images are few, the average of several closed forms (`amc.recovery.averaging`) comes first.

Block after block is trained, from what the pruned network feeds it to the original block's output, of which the
channels that are left are compared (as Li et al. 2021, arXiv:2102.05426, section 3.2, reconstruct quantised blocks, and
Nagel et al. 2020, arXiv:2004.10568, layers). Then the whole network is trained (`amc.recovery.whole_training`). Nothing
but calibration images is read. Some of them are held out, and only what makes their error smaller is kept, so that
training never harms there. Training leaves batch norms their statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amc.graph.inputs import Example, batch_size
from amc.pruning.slicing import UnitMask, restore_tensors, stored_tensors
from amc.recovery.averaging import average_of_draws
from amc.recovery.block_training import BATCH, train_blocks
from amc.recovery.blocks import Blocks, find_blocks
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.calibration_copies import CalibrationCopies
from amc.recovery.calibration_parts import calibration_parts
from amc.recovery.held_out_training import BestState, Stepper, Tell
from amc.recovery.whole_training import WholeTraining
from amc.replay.operator_trace import NoProgramError
from amc.utils.errors import UserError
from amc.utils.precision import AUTO, PRECISIONS, find_precision
from amc.utils.safe_backward import safe_backward
from amc.utils.text import one_line

HELD_COPIES = 3
"""The number of copies of them by which errors are told."""

FEWEST_BLOCK_STEPS = 80
"""The least number of steps of each block, unless fewer are asked for."""
PASSES = 11
"""How often a block sees each image, in one copy or another, where that is between its least and most steps."""


@dataclass(frozen=True)
class TrainingLength:
    """How long a network is trained.

    Attributes:
        block_steps: The number of steps of each block at the most (`steps_of_block`).
        whole_steps: The number of steps of all blocks together.
        draws: The number of closed forms that are averaged before, where images are few.
    """

    block_steps: int = 300
    whole_steps: int = 450
    draws: int = 6

    def steps_of_block(self, images: int) -> int:
        """The number of steps of each block with so many images to train on."""
        return min(self.block_steps, max(FEWEST_BLOCK_STEPS, round(PASSES * images / BATCH)))


LENGTH = TrainingLength()
"""How long a network is trained where nothing else is asked for."""


@dataclass(frozen=True)
class BlockwiseResult:
    """What training came to, as mean distances from the original's outputs on held-out calibration images.

    Attributes:
        before: The distance before it.
        after: The distance of the network that is kept, which is no larger.
        blocks: The number of blocks that were found; 1 where the network was trained as a whole only.
        note: Why it was; empty where blocks were found.
    """

    before: float
    after: float
    blocks: int
    note: str = ""


def train_blockwise(
    network: nn.Module,
    original: CalibratedNetwork,
    mask: UnitMask,
    length: TrainingLength | None = None,
    tell: Tell = lambda *_: None,
    *,
    is_closed_form: bool = True,
) -> BlockwiseResult:
    """Train the compact network in which the units `mask` stay, in place, to compute what the original does.

    It is left in the state that is best on held-out calibration images, which may be the one that it came in.

    Args:
        network: The compact network in evaluation mode.
        original: The original with its calibration images.
        mask: The units that stay, bool `(units,)`.
        length: How long it is trained; None for `LENGTH`.
        tell: Told how far it is.
        is_closed_form: Whether other closed forms may take the place of its weights; not of those that were tuned.

    Raises:
        UserError: There are fewer than two calibration images, or no gradients pass through the network.
    """
    length = length or LENGTH
    generator = torch.Generator().manual_seed(original.seed)
    images = calibration_parts(original, generator)
    held = CalibrationCopies(images.held, HELD_COPIES, generator).all()
    dtype = PRECISIONS[find_precision(AUTO, next(network.parameters()).device)]
    blocks, note = _blocks(network, original, mask, held, dtype)
    count = 1 if blocks is None else len(blocks.boundaries) + 1
    block_steps = length.steps_of_block(batch_size(images.seen))
    stepper = Stepper(length.whole_steps + (count - 1) * block_steps, tell)
    with _trainable(network) as parameters, safe_backward():
        whole = WholeTraining(network, original, mask, blocks, dtype)
        before, former = whole.error(held), {name: each.clone() for name, each in stored_tensors(network).items()}
        if is_closed_form and images.drawn_from is not None and length.draws:
            texts = [f"closed form {number + 1} of {length.draws} to average" for number in range(length.draws)]
            average_of_draws(network, original, mask, images, length.draws, lambda done: stepper.tell(texts[done]))
            if not whole.error(held) < before:
                restore_tensors(network, former)
        best = BestState(parameters, lambda: whole.error(held))
        try:
            if blocks is not None:
                assert isinstance(images.seen, Tensor)
                assert isinstance(held, Tensor)
                train_blocks(blocks, mask, (images.seen, held), generator, block_steps, stepper)
                best.check()
                best.restore()
            whole.train(best, images.seen, generator, length.whole_steps, stepper)
        except RuntimeError as error:  # an operator without a gradient, or one that overwrites what a gradient needs
            restore_tensors(network, former)
            raise UserError(f"no gradients pass through the network: {one_line(error)}") from error
    return BlockwiseResult(before, best.least, count, note)


def _blocks(
    network: nn.Module, original: CalibratedNetwork, mask: UnitMask, images: Example, dtype: torch.dtype
) -> tuple[Blocks | None, str]:
    """The blocks of both networks, or None and why there are none."""
    if not isinstance(images, Tensor):
        return None, "it has several inputs"
    wanted = dtype if images.dtype == torch.float32 else None
    try:
        return find_blocks((original.model, network), original.graph, mask, images, wanted), ""
    except NoProgramError as error:
        return None, str(error)


@contextmanager
def _trainable(network: nn.Module) -> Iterator[list[nn.Parameter]]:
    """All parameters that can be trained, which require gradients until the context ends and have none then."""
    parameters = [each for each in network.parameters() if each.is_floating_point()]
    frozen = [each for each in parameters if not each.requires_grad]
    try:
        for parameter in frozen:
            parameter.requires_grad_(True)
        yield parameters
    finally:
        for parameter in parameters:
            parameter.grad = None
        for parameter in frozen:
            parameter.requires_grad_(False)
