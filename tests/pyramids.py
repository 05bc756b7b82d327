"""Tiny networks whose channels are dilated side by side, grouped and shuffled, as users write them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.unusual import conv_bn


class Espnet(nn.Module):
    """ESPNet's efficient spatial pyramid: one reduction read at several dilations, fused step by step, and joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 12, stride=2)
        self.reduce = nn.Conv2d(12, 4, 1, bias=False)
        self.branches = nn.ModuleList(
            [nn.Conv2d(4, 4, 3, padding=step, dilation=step, bias=False) for step in (1, 2, 4)]
        )
        self.norm = nn.BatchNorm2d(12)
        self.act = nn.PReLU(12)
        self.up = nn.ConvTranspose2d(12, 4, 2, stride=2)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        narrow = self.reduce(x)
        fused: list[Tensor] = []
        for branch in self.branches:
            fused.append(branch(narrow) + (fused[-1] if fused else 0))
        x = self.act(self.norm(torch.cat(fused, 1) + x))
        out: Tensor = self.out(F.relu(self.up(x)))
        return out


class Interleaved(nn.Module):
    """IGCNet: a primary grouped convolution, a shuffle, a secondary grouped one over it, and back."""

    def __init__(self, primary: int = 2, secondary: int = 8) -> None:
        super().__init__()
        self.primary, self.secondary = primary, secondary
        width = primary * secondary
        self.stem = conv_bn(3, width)
        self.first = nn.Conv2d(width, width, 3, padding=1, groups=primary, bias=False)
        self.second = nn.Conv2d(width, width, 1, groups=secondary, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(F.relu(self.stem(x)))
        batch, channels, height, width = x.shape
        x = x.view(batch, self.primary, channels // self.primary, height, width).transpose(1, 2)
        x = self.second(x.reshape(batch, channels, height, width))
        x = x.view(batch, channels // self.primary, self.primary, height, width).transpose(1, 2)
        x = F.relu(self.norm(x.reshape(batch, channels, height, width)))
        out: Tensor = self.fc(x.mean((2, 3)))
        return out


class ShuffleV1(nn.Module):
    """ShuffleNet V1: grouped 1x1 convolutions with a shuffle and a depthwise one between them, and a shortcut."""

    def __init__(self, groups: int = 2) -> None:
        super().__init__()
        self.groups = groups
        self.stem = conv_bn(3, 12)
        self.reduce = conv_bn(12, 8, kernel=1, groups=groups)
        self.dw = conv_bn(8, 8, groups=8)
        self.expand = conv_bn(8, 12, kernel=1, groups=groups)
        self.fc = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        inner = F.relu(self.reduce(x))
        batch, channels, height, width = inner.shape
        inner = inner.view(batch, self.groups, channels // self.groups, height, width)
        inner = inner.transpose(1, 2).contiguous().view(batch, -1, height, width)
        x = F.relu(self.expand(self.dw(inner)) + x)
        out: Tensor = self.fc(x.mean((2, 3)))
        return out


class Volume(nn.Module):
    """Three dimensions, control flow that depends on the numbers, and a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv3d(2, 8, 3, padding=1), nn.Conv3d(8, 6, 3, padding=1)
        self.norm, self.unused = nn.InstanceNorm3d(8, affine=True), nn.Conv3d(8, 8, 1)
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        is_blank = bool(x.abs().max() == 0)
        x = self.norm(self.conv1(x))
        x = self.unused(x) if is_blank else x.relu()
        out: Tensor = self.fc(F.max_pool3d(self.conv2(x).relu(), 2).mean((2, 3, 4)))
        return out
