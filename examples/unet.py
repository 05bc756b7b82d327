"""A U-Net that is trained, pruned to half of its MACs, tuned with and without labels, exported and compared.

    python examples/unet.py --out runs/unet

The images are those of `shapes.py`. Everything but the network, its loss and its own training is done by the tool.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from pipeline import Example, main
from torch import Tensor, nn


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions with batch norms."""
    return nn.Sequential(
        *(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)),
        *(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)),
    )


class UNet(nn.Module):
    """Features at three resolutions on the way down, joined to those on the way up (Ronneberger et al. 2015)."""

    def __init__(self, classes: int = 4, widths: tuple[int, ...] = (16, 32, 64)) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList([block(3, widths[0]), *(block(near, far) for near, far in pairs)])
        self.grow = nn.ModuleList(nn.ConvTranspose2d(far, near, 2, stride=2) for near, far in pairs)
        self.join = nn.ModuleList(block(2 * near, near) for near, _ in pairs)
        self.classes = nn.Conv2d(widths[0], classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """The scores of all classes for each pixel of images `(n, 3, h, w)`."""
        x, kept = images, []
        for number, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if number else x)
            kept.append(x)
        for grow, join, skipped in zip(reversed(self.grow), reversed(self.join), reversed(kept[:-1]), strict=True):
            x = join(torch.cat([grow(x), skipped], dim=1))
        return self.classes(x)


def build() -> UNet:
    """The network with random weights."""
    return UNet()


def loss(model: nn.Module, images: Tensor, masks: Tensor) -> Tensor:
    """The cross-entropy of pixels."""
    return F.cross_entropy(model(images), masks)


def masks(folder: Path) -> str:
    """The text that names the images and masks in a folder of `shapes.write`."""
    return f"masks:{folder}"


EXAMPLE = Example("unet", build, loss, "miou", masks, mean=0.5, std=0.5, to_export=lambda network: network, epochs=5)

if __name__ == "__main__":
    main(EXAMPLE)
