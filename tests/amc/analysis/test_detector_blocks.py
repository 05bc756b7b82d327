"""The blocks that one-stage detectors of several families are made of, in small: all of them are cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.cost.costs import macs
from amc.graph import PruningGraph
from amc.pruning.slicing import compact, make_selection
from tests.oracles import counted, distance, random_mask, randomise, run, run_ignoring

BINS, CLASSES = 4, 3
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


class Conv(nn.Sequential):
    """A convolution with its batch norm and activation."""

    def __init__(self, before: int, after: int, size: int = 1, stride: int = 1, groups: int = 1) -> None:
        convolution = nn.Conv2d(before, after, size, stride, size // 2, groups=groups, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(after), nn.SiLU())


class Residual(nn.Module):
    """Two convolutions whose result is added to what they read."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Conv(width, width // 2, 3), Conv(width // 2, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(self.first(x))
        return out


class Nested(nn.Module):
    """One of two branches is a chain of residual blocks; they are joined and mixed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.short, self.long = Conv(width, width // 2), Conv(width, width // 2)
        self.chain, self.mix = Residual(width // 2), Conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mix(torch.cat((self.chain(self.long(x)), self.short(x)), 1))
        return out


class Halves(nn.Module):
    """Half of the channels go through a block, and all that was made on the way is joined."""

    def __init__(self, before: int, after: int, block: type[nn.Module], by_sizes: bool) -> None:
        super().__init__()
        self.c, self.by_sizes = after // 2, by_sizes
        self.cv1, self.m, self.cv2 = Conv(before, after), block(self.c), Conv(3 * self.c, after)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cv1(x)
        parts = list(x.split((self.c, self.c), 1) if self.by_sizes else x.chunk(2, 1))
        out: Tensor = self.cv2(torch.cat([*parts, self.m(parts[-1])], 1))
        return out


class Pyramid(nn.Module):
    """The largest values of growing neighbourhoods, joined."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cv1, self.cv2, self.m = Conv(width, width // 2), Conv(width * 2, width), nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        found = [self.cv1(x)]
        for _ in range(3):
            found.append(self.m(found[-1]))
        out: Tensor = self.cv2(torch.cat(found, 1))
        return out


class Attention(nn.Module):
    """Attention between places; keys are half as wide as values, and a depthwise convolution adds positions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.key_dim = 2, width // 2, width // 4
        self.scale = self.key_dim**-0.5
        self.qkv = Conv(width, 2 * width)
        self.pe, self.proj = Conv(width, width, 3, groups=width), Conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, width, high, wide = x.shape
        joined = self.qkv(x).view(n, self.num_heads, self.key_dim * 2 + self.head_dim, high * wide)
        q, k, v = joined.split([self.key_dim, self.key_dim, self.head_dim], dim=2)
        weights = ((q.transpose(-2, -1) @ k) * self.scale).softmax(-1)
        mixed = (v @ weights.transpose(-2, -1)).view(n, width, high, wide)
        out: Tensor = x + self.proj(mixed + self.pe(v.reshape(n, width, high, wide)))
        return out


class Detector(nn.Module):
    """A backbone, a neck of two levels, and heads whose distributions of box sides become their expected values."""

    bins: Tensor

    def __init__(self, block: type[nn.Module], by_sizes: bool, attention: bool) -> None:
        super().__init__()
        self.stem, self.stage1 = Conv(3, 16, 3, 2), Halves(16, 32, block, by_sizes)
        self.down, self.stage2, self.pyramid = Conv(32, 32, 3, 2), Halves(32, 32, block, by_sizes), Pyramid(32)
        self.attend = Halves(32, 32, Attention, True) if attention else nn.Identity()
        self.up = Halves(64, 32, block, by_sizes)
        self.boxes = nn.ModuleList(nn.Sequential(Conv(32, 16, 3), nn.Conv2d(16, 4 * BINS, 1)) for _ in range(2))
        self.scores = nn.ModuleList(
            nn.Sequential(Conv(32, 32, 3, groups=32), Conv(32, 16), nn.Conv2d(16, CLASSES, 1)) for _ in range(2)
        )
        self.register_buffer("bins", torch.arange(BINS, dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.stage1(self.stem(x))
        coarse = self.attend(self.pyramid(self.stage2(self.down(fine))))
        fine = self.up(torch.cat((nn.functional.interpolate(coarse, scale_factor=2), fine), 1))
        levels = []
        for features, boxes, scores in zip((fine, coarse), self.boxes, self.scores, strict=True):
            sides = boxes(features).flatten(2).unflatten(1, (4, BINS)).softmax(2)
            expected = (sides * self.bins[:, None]).sum(2)
            levels.append(torch.cat((expected, scores(features).flatten(2).sigmoid()), 1))
        return torch.cat(levels, 2)


KINDS = {
    "v8": lambda: Detector(Residual, by_sizes=False, attention=False),
    "v11": lambda: Detector(Nested, by_sizes=True, attention=True),
}


def analysed(kind: str) -> tuple[nn.Module, PruningGraph]:
    torch.manual_seed(0)
    model = randomise(KINDS[kind]())
    return model, analyse(model, IMAGES)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_the_outputs_is_frozen(kind: str) -> None:
    _, graph = analysed(kind)
    assert {each.name for each in graph.frozen} == {"boxes.0.1", "boxes.1.1", "scores.0.2"}  # of both levels
    assert macs(graph)(graph.least) < 0.2 * macs(graph)(graph.full)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_computes_what_the_original_does_without_the_rest(kind: str) -> None:
    model, graph = analysed(kind)
    kept_counts = np.array([group.choices[len(group.choices) // 2] for group in graph.groups])
    mask = random_mask(graph, kept_counts, 0)
    small = compact(model, make_selection(graph, model, mask))
    got = run(small.double(), IMAGES.double())
    assert distance(got, run_ignoring(model.double(), graph, mask, IMAGES.double())) < 1e-8
    assert counted(small.float(), (IMAGES[:1],)) == macs(graph)(kept_counts)
