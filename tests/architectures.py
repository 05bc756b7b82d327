"""A tiny network of every kind that channel pruning meets, each with the shape of its input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.models.cifar_resnet import CifarResNet, resnet20


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


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


class Shared(nn.Module):
    """One convolution that runs twice, so that its inputs are its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.shared = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 6, 3)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(self.shared(F.relu(self.shared(x))))
        out: Tensor = self.fc(F.relu(self.last(x)).mean((2, 3)))
        return out


class Functional(nn.Module):
    """Parameters and buffers without modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(8, 3, 3, 3) * 0.2)
        self.scale, self.shift = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("var", torch.ones(8))
        self.second, self.bias = nn.Parameter(torch.randn(6, 8, 3, 3) * 0.2), nn.Parameter(torch.zeros(6))
        self.head = nn.Parameter(torch.randn(5, 6) * 0.4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.first, padding=1)
        x = F.relu(F.batch_norm(x, self.mean, self.var, self.scale, self.shift))  # type: ignore[arg-type]
        x = F.relu(F.conv2d(x, self.second, self.bias, stride=2))
        return F.linear(x.mean((2, 3)), self.head)


class UNet(nn.Module):
    """Down, up by a transposed convolution, and joined with what was there before; a per-channel PReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(conv_bn(3, 6), nn.PReLU(6))
        self.down = nn.Sequential(conv_bn(6, 8, stride=2), nn.PReLU(8))
        self.up = nn.ConvTranspose2d(8, 5, 2, stride=2)
        self.join = nn.Sequential(conv_bn(11, 7), nn.ReLU())
        self.out = nn.Conv2d(7, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        out: Tensor = self.out(self.join(torch.cat([self.up(self.down(x)), x], 1)))
        return out


class Signal(nn.Module):
    """One dimension, dilation, and a scale for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(2, 8, 5, stride=2, bias=False)
        self.bn1 = nn.BatchNorm1d(8)
        self.conv2 = nn.Conv1d(8, 6, 3, padding=2, dilation=2)
        self.gamma = nn.Parameter(torch.full((6, 1), 1e-6))
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.fc((F.gelu(self.conv2(x)) * self.gamma).mean(-1))
        return out


class ConvNeXt(nn.Module):
    """A block of ConvNeXt: the stream is normed over its channels, the hidden layer is free; the scale hides it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 2, stride=2)
        self.dw = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.norm = nn.LayerNorm(6)
        self.fc1, self.fc2 = nn.Linear(6, 12), nn.Linear(12, 6)
        self.gamma = nn.Parameter(torch.full((6,), 1e-6))
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        inner = self.fc2(F.gelu(self.fc1(self.norm(self.dw(x).permute(0, 2, 3, 1)))))
        x = x + (self.gamma * inner).permute(0, 3, 1, 2)
        out: Tensor = self.head(x.mean((2, 3)))
        return out


class Transformer(nn.Module):
    """One encoder layer over patches: only the hidden layer of its MLP can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.encoder = nn.TransformerEncoderLayer(8, 2, dim_feedforward=12, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(self.patches(x).flatten(2).transpose(1, 2))
        out: Tensor = self.head(x.mean(1))
        return out


@dataclass(frozen=True)
class Outputs:
    """What `TwoOutputs` returns."""

    features: Tensor
    scores: dict[str, Tensor]


class TwoOutputs(nn.Module):
    """Features and scores in a plain object: what is returned keeps its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv_bn(3, 8)
        self.conv2 = conv_bn(8, 6)
        self.conv3 = conv_bn(6, 7)
        self.fc = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Outputs:
        features = F.relu(self.conv2(F.relu(self.conv1(x))))
        return Outputs(features, {"logits": self.fc(F.relu(self.conv3(features)).mean((2, 3)))})


class Around(nn.Module):
    """A convolution, something that makes `width` channels of its 8, another convolution, a linear layer."""

    def __init__(self, middle: Callable[[Tensor], Tensor], width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.middle = middle
        self.conv2 = nn.Conv2d(width, 6, 3)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.middle(F.relu(self.conv1(x)))
        out: Tensor = self.fc(F.relu(self.conv2(x)).mean((2, 3)))
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
    "functional": Architecture(Functional),
    "unet": Architecture(UNet),
    "signal": Architecture(Signal, (2, 21)),
    "convnext": Architecture(ConvNeXt),
    "transformer": Architecture(Transformer),
    "two_outputs": Architecture(TwoOutputs),
}
"""Networks in which something can be cut."""
