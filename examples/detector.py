"""A one-stage detector that is trained, pruned to half of its MACs, tuned with and without labels, and compared.

    python examples/detector.py --out runs/detector

It is torchvision's FCOS on a small backbone; the images are those of `shapes.py`. Everything but the network, its loss
and its own training is done by the tool.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline import Example, main
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork

SIZE, CLASSES = 64, 4


def stage(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions with batch norms, the first with stride 2."""
    return nn.Sequential(
        *(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()),
        *(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()),
    )


class Pyramid(nn.Module):
    """A small backbone with a feature pyramid of strides 4, 8 and 16."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 48, 64), out_channels: int = 32) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.stages = nn.ModuleList(stage(near, far) for near, far in pairwise((3, *widths)))
        self.fpn = FeaturePyramidNetwork(list(widths[1:]), out_channels)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The features of images `(n, 3, h, w)` by level."""
        x, found = self.stages[0](images), OrderedDict()
        for number, each in enumerate(self.stages[1:]):
            x = found[str(number)] = each(x)
        return self.fpn(found)


def build() -> FCOS:
    """The network with random weights. It takes images in [0, 1], and in training mode targets too."""
    backbone = Pyramid()
    return FCOS(
        backbone,
        CLASSES,
        min_size=SIZE,
        max_size=SIZE,
        image_mean=[0.5] * 3,
        image_std=[0.25] * 3,
        anchor_generator=AnchorGenerator(((8,), (16,), (32,)), ((1.0,),) * 3),
        head=FCOSHead(backbone.out_channels, 1, CLASSES, num_convs=2),
        score_thresh=0.05,
        detections_per_img=20,
    )


def loss(model: nn.Module, images: Tensor, targets: list[dict[str, Any]]) -> dict[str, Tensor]:
    """The losses that the network computes in training mode."""
    return model(images, targets)


class Heads(nn.Module):
    """What a detector computes before boxes are decoded and selected, which other runtimes do in their own ways."""

    def __init__(self, network: FCOS) -> None:
        super().__init__()
        self.backbone, self.head = network.backbone, network.head

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The scores, regressions and centrenesses of all places, for normalised images `(n, 3, h, w)`."""
        return self.head(list(self.backbone(images).values()))


def boxes(folder: Path) -> str:
    """The text that names the images and boxes in a folder of `shapes.write`."""
    return "coco:" + ",".join(
        f"{folder / split / 'images'},{folder / split}.json" for split in ("train", "val", "test")
    )


EXAMPLE = Example("detector", build, loss, "map", boxes, mean=0.0, std=1.0, to_export=Heads, epochs=12)

if __name__ == "__main__":
    main(EXAMPLE)
