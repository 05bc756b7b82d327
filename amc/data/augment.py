"""Random changes to training images that leave their classes as they are."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from amc.utils.errors import UserError


@dataclass(frozen=True)
class Augmentation:
    """Random changes to a batch of training images, each image by itself.

    Attributes:
        crop_padding: Largest shift of an image in each direction, in pixels; its edge is repeated where a gap is left.
        flip: Whether each image is mirrored left to right with probability 1/2.
    """

    crop_padding: int
    flip: bool

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return changed copies of `inputs` [B, C, H, W]; `generator` is on the CPU.

        Inputs of any shape are returned as they are where no changes are asked for.

        Raises:
            UserError: Changes are asked for, and the inputs are no images.
        """
        if not (self.crop_padding or self.flip):
            return inputs
        if inputs.ndim != 4:
            raise UserError(
                f"inputs of shape {tuple(inputs.shape[1:])} are no images that can be shifted or mirrored;"
                " give --crop-padding 0, and leave --flip out"
            )
        batch, _, height, width = inputs.shape
        pad = self.crop_padding
        rows = torch.randint(2 * pad + 1, (batch, 1), generator=generator) + torch.arange(height)
        columns = torch.randint(2 * pad + 1, (batch, 1), generator=generator) + torch.arange(width)
        if self.flip:
            mirrored = torch.rand(batch, 1, generator=generator) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        padded = F.pad(inputs, (pad, pad, pad, pad), mode="replicate")
        chosen = padded.permute(0, 2, 3, 1)[torch.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]
        return chosen.permute(0, 3, 1, 2)
