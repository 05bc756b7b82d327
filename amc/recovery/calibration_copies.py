"""Calibration images in several slightly changed copies, the same ones whenever they are asked for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amc.graph.inputs import Example, take_first  # noqa: F401

LARGEST_SHIFT = 8
"""The divisor of an image's size that gives the largest shift: 4 pixels of 32."""


class CalibrationCopies:
    """Images and copies of them that are mirrored and shifted at random; the first copy is left as it is.

    Args:
        images: Inputs, `(n, ...)`; those that are no images `(n, c, h, w)` are not changed.
        copies: The number of copies.
        generator: Draws the changes.

    Attributes:
        count: The number of images in all copies.
    """

    def __init__(self, images: Tensor, copies: int, generator: torch.Generator) -> None:
        self._images = images
        self.count = len(images) * copies
        self._mirrored = torch.rand(self.count, generator=generator) < 0.5
        self._moved = images.ndim == 4
        self._pads = [size // LARGEST_SHIFT for size in images.shape[2:]] if self._moved else []
        self._starts = [torch.randint(2 * pad + 1, (self.count,), generator=generator) for pad in self._pads]

    def __getitem__(self, numbers: Tensor) -> Tensor:
        """The images of those numbers, int64 `(count,)`."""
        own = self._images[numbers % len(self._images)]
        if not self._moved:
            return own
        height, width = own.shape[2:]
        down, right = self._pads
        changed = torch.empty_like(own)
        padded = F.pad(own, (right, right, down, down), mode="reflect")
        for place, number in enumerate(numbers.tolist()):
            if number < len(self._images):
                changed[place] = own[place]
                continue
            top, left = (int(starts[number]) for starts in self._starts)
            image = padded[place, :, top : top + height, left : left + width]
            changed[place] = image.flip(-1) if self._mirrored[number] else image
        return changed
