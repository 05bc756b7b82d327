"""Tiny networks of less common kinds: shared and bare parameters, other dimensions, transformers, several outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


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


class TiedWeights(nn.Module):
    """An autoencoder whose way back has the weights of the way in, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.code = nn.Conv2d(8, 6, 2, stride=2, bias=False)
        self.out = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.code(F.relu(self.stem(x))))
        out: Tensor = self.out(F.relu(F.conv_transpose2d(x, self.code.weight, stride=2)))
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


class Positions(nn.Module):
    """A small network computes something for every place, whatever the images, which is added to what they give."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("places", torch.cartesian_prod(torch.linspace(-1, 1, 4), torch.linspace(-1, 1, 4)))
        self.conv = nn.Conv2d(3, 8, 2, stride=2)
        self.fc1, self.fc2 = nn.Linear(2, 6), nn.Linear(6, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        of_places = self.fc2(F.relu(self.fc1(self.places)))
        x = F.relu(self.conv(x).flatten(2).transpose(1, 2) + of_places)
        out: Tensor = self.head(x.mean(1))
        return out


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
