"""Calibration images in several slightly changed copies, the same ones whenever they are asked for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amc.graph.inputs import Example, batch_size, take

SMALLEST_SHARE = 8
"""The largest shift is an image's size divided by this: 4 pixels of 32."""

MOST_BLENDED = 0.5
"""The largest share that another image has in a copy."""


class CalibrationCopies:
    """Inputs, and copies of them that are mirrored, shifted and blended at random; the first copy is as they are.

    A blend of two images (Zhang et al. 2018, arXiv:1710.09412; without labels Beyer et al. 2022, arXiv:2106.05237) is
    one that the original was not trained on, so that its outputs for it are more like those for new images.

    Args:
        inputs: Inputs, `(n, ...)`; what is no tensor of images `(n, c, h, w)` is the same in all copies.
        copies: The number of copies.
        generator: Draws the changes.

    Attributes:
        count: The number of inputs in all copies.
    """

    def __init__(self, inputs: Example, copies: int, generator: torch.Generator) -> None:
        self._inputs = inputs
        self._size = batch_size(inputs)
        self.count = copies * self._size
        self._mirrored = torch.rand(self.count, generator=generator) < 0.5
        self._down, self._right = 2 * torch.rand(2, self.count, generator=generator) - 1  # of the largest shift
        self._other = torch.randint(self._size, (self.count,), generator=generator)
        self._share = MOST_BLENDED * torch.rand(self.count, generator=generator)
        for of_first in (self._mirrored, self._down, self._right, self._share):
            of_first[: self._size] = 0

    def __getitem__(self, numbers: Tensor) -> Example:
        """The inputs of those numbers, int64 `(count,)`, in memory of their own."""
        own = take(self._inputs, numbers % self._size)
        if isinstance(own, Tensor) and own.ndim == 4 and own.is_floating_point():
            assert isinstance(self._inputs, Tensor)
            for place, number in enumerate(numbers.tolist()):
                if number >= self._size:
                    blended = own[place].lerp(self._inputs[self._other[number]], float(self._share[number]))
                    own[place] = self._changed(blended, number)
        return own

    def all(self) -> Example:
        """The inputs of all copies, one copy after the other."""
        return self[torch.arange(self.count)]

    def _changed(self, image: Tensor, number: int) -> Tensor:
        """An image `(c, h, w)`, mirrored and shifted; what comes in at an edge is the image's own border, mirrored."""
        height, width = image.shape[1:]
        down, right = height // SMALLEST_SHARE, width // SMALLEST_SHARE
        padded = F.pad(image[None], (right, right, down, down), mode="reflect")[0]
        top, left = round((1 + float(self._down[number])) * down), round((1 + float(self._right[number])) * right)
        moved = padded[:, top : top + height, left : left + width]
        return moved.flip(-1) if self._mirrored[number] else moved
