"""Residual networks for 32 x 32 images, as in He et al. 2016 (arXiv:1512.03385, section 4.2).

There are three stages of 16, 32 and 64 channels with n blocks each, 6 n + 2 layers with weights. The shortcuts have no
parameters (option A): where a stage begins they take every second pixel and pad the channels with zeros, half of the
new ones on each side.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut without parameters.

    [B, in_width, H, W] -> [B, out_width, ceil(H / stride), ceil(W / stride)]
    """

    def __init__(self, in_width: int, out_width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, out_width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_width)
        self.conv2 = nn.Conv2d(out_width, out_width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_width)
        self.stride = stride
        self.added = out_width - in_width

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.stride == 1 and self.added == 0:
            return x
        before = self.added // 2
        after = self.added - before
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, after))


class CifarResNet(nn.Module):
    """A residual network with `blocks` blocks in each of three stages: [B, 3, 32, 32] to logits [B, num_classes]."""

    def __init__(self, blocks: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.adaptive_avg_pool2d(out, 1).flatten(1)
        return self.linear(out)


def _stage(in_width: int, out_width: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(in_width, out_width, stride)
    return nn.Sequential(first, *(BasicBlock(out_width, out_width, 1) for _ in range(blocks - 1)))


def resnet20(num_classes: int = 10) -> CifarResNet:
    """Return ResNet-20: 3 blocks a stage, 40.55 M MACs, 0.27 M parameters, for 3 x 32 x 32 inputs and 10 classes."""
    return CifarResNet(3, num_classes)


def resnet32(num_classes: int = 10) -> CifarResNet:
    """Return ResNet-32: 5 blocks a stage, 68.86 M MACs, 0.46 M parameters, for 3 x 32 x 32 inputs and 10 classes."""
    return CifarResNet(5, num_classes)


def resnet44(num_classes: int = 10) -> CifarResNet:
    """Return ResNet-44: 7 blocks a stage, 97.17 M MACs, 0.66 M parameters, for 3 x 32 x 32 inputs and 10 classes."""
    return CifarResNet(7, num_classes)


def resnet56(num_classes: int = 10) -> CifarResNet:
    """Return ResNet-56: 9 blocks a stage, 125.49 M MACs, 0.85 M parameters, for 3 x 32 x 32 inputs and 10 classes."""
    return CifarResNet(9, num_classes)


def resnet110(num_classes: int = 10) -> CifarResNet:
    """Return ResNet-110: 18 blocks a stage, 252.89 M MACs, 1.73 M parameters, for 3 x 32 x 32 inputs and 10 classes."""
    return CifarResNet(18, num_classes)
