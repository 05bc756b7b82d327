"""A small residual network for scikit-learn's 8 x 8 handwritten digits.

It is small enough to ship with its weights and has what larger networks have: three stages, batch norm, residual adds,
and projections (1 x 1 convolution and batch norm) where a stage begins.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class ProjectionBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut that is projected where the shape changes.

    [B, in_width, H, W] -> [B, out_width, ceil(H / stride), ceil(W / stride)]
    """

    def __init__(self, in_width: int, out_width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, out_width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_width)
        self.conv2 = nn.Conv2d(out_width, out_width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_width)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_width != out_width:
            self.shortcut.append(nn.Conv2d(in_width, out_width, 1, stride=stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(out_width))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class DigitsResNet(nn.Module):
    """The network for digits: images [B, 1, 8, 8] to logits [B, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU())
        self.stages = nn.Sequential(
            ProjectionBlock(12, 12, stride=1),
            ProjectionBlock(12, 12, stride=1),
            ProjectionBlock(12, 24, stride=2),
            ProjectionBlock(24, 24, stride=1),
            ProjectionBlock(24, 48, stride=2),
            ProjectionBlock(48, 48, stride=1),
        )
        self.classifier = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = self.stages(self.stem(x)).mean(dim=(2, 3))
        return self.classifier(out)


def digits_resnet() -> DigitsResNet:
    """Return the network for digits: 13 layers deep, 0.93 M MACs, 0.10 M parameters (400 kB)."""
    return DigitsResNet()
