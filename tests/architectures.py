"""A tiny network of every kind that channel pruning meets, each with the shape of its input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.networks.models.cifar_resnet import CifarResNet, resnet20
from tests.pyramids import Espnet, Interleaved, ShuffleV1, Volume
from tests.unusual import (
    ConvNeXt,
    Functional,
    Positions,
    Shared,
    Signal,
    TiedWeights,
    Transformer,
    TwoOutputs,
    UNet,
    conv_bn,
)


class Plain(nn.Module):
    """Convolutions, batch norms and one linear layer after global pooling."""

    def __init__(self, first: int = 8, second: int = 12) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, first, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, second, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(second)
        self.fc = nn.Linear(second, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        out: Tensor = self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return out


class Flattened(nn.Module):
    """As in VGG: every channel feeds a run of the first linear layer's inputs; convolutions have biases, no norms."""

    def __init__(self, first: int = 6, second: int = 8, hidden: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.fc1 = nn.Linear(second * 2 * 2, hidden)
        self.fc2 = nn.Linear(hidden, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        out: Tensor = self.fc2(F.relu(self.fc1(x.flatten(1))))
        return out


class Projection(nn.Module):
    """A residual block with a projected shortcut, then one with an identity."""

    def __init__(self, stem: int = 6, inner: int = 8, outer: int = 10, last: int = 7) -> None:
        super().__init__()
        self.stem = conv_bn(3, stem)
        self.conv1 = conv_bn(stem, inner, stride=2)
        self.conv2 = conv_bn(inner, outer)
        self.shortcut = conv_bn(stem, outer, kernel=1, stride=2)
        self.conv3 = conv_bn(outer, last)
        self.conv4 = conv_bn(last, outer)
        self.fc = nn.Linear(outer, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x))
        x = F.relu(self.conv4(F.relu(self.conv3(x))) + x)
        out: Tensor = self.fc(x.mean((2, 3)))
        return out


class Depthwise(nn.Module):
    """Depthwise-separable convolutions, the second depthwise one with two outputs for each input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 6)
        self.dw1 = conv_bn(6, 6, groups=6)
        self.pw1 = conv_bn(6, 8, kernel=1)
        self.dw2 = conv_bn(8, 16, stride=2, groups=8)
        self.pw2 = conv_bn(16, 10, kernel=1)
        self.fc = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.pw1(F.relu(self.dw1(F.relu(self.stem(x))))))
        x = F.relu(self.pw2(F.relu(self.dw2(x))))
        out: Tensor = self.fc(x.mean((2, 3)))
        return out


class Inverted(nn.Module):
    """MobileNetV2: wide depthwise convolutions between narrow linear bottlenecks that are added."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 6)
        self.expand = conv_bn(6, 12, kernel=1)
        self.dw = conv_bn(12, 12, groups=12)
        self.project = conv_bn(12, 6, kernel=1)
        self.head = conv_bn(6, 10, kernel=1)
        self.fc = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.stem(x))
        x = x + self.project(F.relu6(self.dw(F.relu6(self.expand(x)))))
        out: Tensor = self.fc(F.relu6(self.head(x)).mean((2, 3)))
        return out


class Grouped(nn.Module):
    """A bottleneck with a grouped convolution, as in ResNeXt."""

    def __init__(self, groups: int, width: int) -> None:
        super().__init__()
        self.stem = conv_bn(3, 6)
        self.reduce = conv_bn(6, width, kernel=1)
        self.grouped = conv_bn(width, width, groups=groups)
        self.expand = conv_bn(width, 6, kernel=1)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(self.expand(F.relu(self.grouped(F.relu(self.reduce(x))))) + x)
        out: Tensor = self.fc(x.mean((2, 3)))
        return out


class Dense(nn.Module):
    """DenseNet: every layer reads, through a norm, all that came before."""

    def __init__(self, stem: int = 6, growth: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, stem, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv1 = nn.Conv2d(stem, growth, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem + growth)
        self.conv2 = nn.Conv2d(stem + growth, growth, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(stem + 2 * growth)
        self.fc = nn.Linear(stem + 2 * growth, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat([x, self.conv1(F.relu(self.bn1(x)))], 1)
        x = torch.cat([x, self.conv2(F.relu(self.bn2(x)))], 1)
        out: Tensor = self.fc(F.relu(self.bn3(x)).mean((2, 3)))
        return out


class Inception(nn.Module):
    """Branches of unequal width side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 6)
        self.one = conv_bn(6, 4, kernel=1)
        self.three = conv_bn(6, 8, kernel=3)
        self.pooled = conv_bn(6, 5, kernel=1)
        self.mix = conv_bn(17, 7)
        self.fc = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(torch.cat([self.one(x), self.three(x), self.pooled(F.avg_pool2d(x, 3, 1, 1))], 1))
        out: Tensor = self.fc(F.relu(self.mix(x)).mean((2, 3)))
        return out


class SqueezeExcite(nn.Module):
    """Channels scaled by a gate that two more convolutions compute from all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 8)
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        out: Tensor = self.fc((x * gate).mean((2, 3)))
        return out


@dataclass(frozen=True)
class Architecture:
    """How to build a network, and the shape of its input without the batch."""

    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...] = (3, 8, 8)

    def example(self, batch: int = 2) -> Tensor:
        """Random images, the same each time."""
        return torch.randn(batch, *self.input_shape, generator=torch.Generator().manual_seed(0))


PRUNABLE: dict[str, Architecture] = {
    "plain": Architecture(Plain),
    "flattened": Architecture(Flattened),
    "projection": Architecture(Projection),
    "padded": Architecture(lambda: CifarResNet(1, 5)),
    "resnet20": Architecture(resnet20),
    "depthwise": Architecture(Depthwise),
    "inverted": Architecture(Inverted),
    "grouped_narrow": Architecture(lambda: Grouped(groups=8, width=16)),
    "grouped_wide": Architecture(lambda: Grouped(groups=2, width=16)),
    "dense": Architecture(Dense),
    "inception": Architecture(Inception),
    "squeeze_excite": Architecture(SqueezeExcite),
    "shared": Architecture(Shared),
    "tied_weights": Architecture(TiedWeights),
    "functional": Architecture(Functional),
    "unet": Architecture(UNet),
    "signal": Architecture(Signal, (2, 21)),
    "convnext": Architecture(ConvNeXt),
    "transformer": Architecture(Transformer),
    "positions": Architecture(Positions),
    "espnet": Architecture(Espnet),
    "interleaved": Architecture(Interleaved),
    "shuffle_v1": Architecture(ShuffleV1),
    "volume": Architecture(Volume, (2, 4, 6, 6)),
    "two_outputs": Architecture(TwoOutputs),
}
"""Networks in which something can be cut."""
