"""Detection networks of torchvision up to the raw outputs of their heads: what follows depends on the data alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import detection


class Dense(nn.Module):
    """The backbone, feature pyramid and shared head of a one-stage detector: RetinaNet, FCOS, SSD."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.backbone, self.head = network.backbone, network.head

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The scores and box regressions of all anchors, for images `(n, 3, h, w)`."""
        out: dict[str, Tensor] = self.head(list(self.backbone(images).values()))
        return out


class TwoStage(nn.Module):
    """The backbone, proposal head and box head of Faster R-CNN, the latter on two fixed boxes of each image."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.backbone, self.proposals, heads = network.backbone, network.rpn.head, network.roi_heads
        self.pool, self.head, self.predictor = heads.box_roi_pool, heads.box_head, heads.box_predictor

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
        """The objectness and regressions of all anchors, then scores and regressions of the boxes."""
        features = self.backbone(images)
        boxes = [torch.tensor([[0.0, 0.0, 32.0, 32.0], [8.0, 4.0, 300.0, 200.0]], dtype=images.dtype)] * len(images)
        shape = (int(images.shape[2]), int(images.shape[3]))
        regions = self.head(self.pool(features, boxes, [shape] * len(images)))
        return *self.proposals(list(features.values())), *self.predictor(regions)


def _built(name: str, wrapper: Callable[[Any], nn.Module]) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        return wrapper(detection.__dict__[name](weights=None, weights_backbone=None))

    return build


DETECTION: dict[str, Callable[[], nn.Module]] = {
    "ssdlite320_mobilenet_v3_large": _built("ssdlite320_mobilenet_v3_large", Dense),
    "ssd300_vgg16": _built("ssd300_vgg16", Dense),
    "retinanet_resnet50_fpn": _built("retinanet_resnet50_fpn", Dense),
    "retinanet_resnet50_fpn_v2": _built("retinanet_resnet50_fpn_v2", Dense),
    "fcos_resnet50_fpn": _built("fcos_resnet50_fpn", Dense),
    "fasterrcnn_resnet50_fpn": _built("fasterrcnn_resnet50_fpn", TwoStage),
    "fasterrcnn_mobilenet_v3_large_fpn": _built("fasterrcnn_mobilenet_v3_large_fpn", TwoStage),
}
"""Functions that build networks with random weights, by torchvision's names."""
