"""Channels that are split, shuffled, copied and normed in groups: cut so that the user's own forward goes on to fit."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.pruning.slicing import compact, make_selection
from tests.oracles import distance, random_mask, randomise, run, run_ignoring
from tests.unusual import Around

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def gated(x: Tensor) -> Tensor:
    value, gate = x.chunk(2, 1)
    return value * torch.sigmoid(gate)


def shuffled(x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    return x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)


class Scales(nn.Module):
    """Res2Net: pieces of a width that the module holds, each but the first added to the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 2

    def forward(self, x: Tensor) -> Tensor:
        pieces = x.split(self.width, 1)
        return torch.cat([pieces[0], *(a + b for a, b in itertools.pairwise(pieces))], 1)


class Mixed(nn.Module):
    """MixNet: pieces of unequal widths, with a kernel size each."""

    def __init__(self) -> None:
        super().__init__()
        self.widths = (5, 3)
        self.convs = nn.ModuleList([nn.Conv2d(5, 5, 3, padding=1, groups=5), nn.Conv2d(3, 3, 5, padding=2, groups=3)])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([conv(each) for conv, each in zip(self.convs, x.split(self.widths, 1), strict=True)], 1)


class Partly(nn.Module):
    """RexNet: something is done to the first channels only, as many as the module says."""

    def __init__(self) -> None:
        super().__init__()
        self.first = 3

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, : self.first].tanh(), x[:, self.first :]], 1)


class Shaped(nn.Module):
    """LayerScale: a number for each channel, in a shape that the module holds."""

    def __init__(self) -> None:
        super().__init__()
        self.shape = (8, 1, 1)
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale.view(self.shape)


MIDDLES: dict[str, tuple[Callable[[Tensor], Tensor], int, list[tuple[int, int]]]] = {
    "chunk": (gated, 4, [(8, 4)]),
    "shuffle": (shuffled, 8, [(8, 4)]),
    "shuffle operator": (nn.ChannelShuffle(4), 8, [(8, 2)]),
    "pixel shuffle": (nn.PixelShuffle(2), 2, [(8, 2)]),
    "pixel unshuffle": (nn.PixelUnshuffle(2), 32, [(8, 8)]),
    "gated linear unit": (nn.GLU(1), 4, [(8, 4)]),
    "patches": (lambda x: F.unfold(x, 3, padding=1).unflatten(2, (8, 8)), 72, [(8, 8)]),
    "pieces of a width": (Scales(), 8, [(8, 2)]),
    "pieces of widths": (Mixed(), 8, [(5, 5), (3, 3)]),
    "the first channels": (Partly(), 8, [(3, 3), (5, 5)]),
    "a shape": (Shaped(), 8, [(8, 8)]),
    "group norm": (nn.GroupNorm(4, 8), 8, [(8, 4)]),
    "instance norm": (nn.InstanceNorm2d(8, affine=True), 8, [(8, 8)]),
    "circular padding": (lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"), 8, [(8, 8)]),
}


@pytest.mark.parametrize("kind", MIDDLES)
def test_pieces_are_cut_so_that_they_still_fit(kind: str) -> None:
    middle, width, expected = MIDDLES[kind]
    torch.manual_seed(0)
    model = randomise(Around(middle, width))
    graph = analyse(model, IMAGES)
    assert not [frozen for frozen in graph.frozen if frozen.name != "fc"]
    found = [(group.width, group.units) for group in graph.groups if group.name.startswith("conv1")]
    assert sorted(found) == sorted(expected)
    assert len({group.name for group in graph.groups}) == len(graph.groups)
    for number in range(3):
        rng = np.random.default_rng(number)
        kept_counts = np.array([rng.choice(group.choices[:-1]) for group in graph.groups])
        mask = random_mask(graph, kept_counts, number)
        small = compact(model, make_selection(graph, model, mask))
        assert distance(run(small, IMAGES), run_ignoring(model, graph, mask, IMAGES)) < 1e-4
        again = analyse(small, IMAGES)
        run(compact(small, make_selection(again, small, random_mask(again, again.least, 0))), IMAGES)


def test_a_group_norm_is_taken_over_the_groups_that_are_left() -> None:
    model = randomise(Around(nn.GroupNorm(4, 8), 8))
    graph = analyse(model, IMAGES)
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    mask[[0, 2]] = False
    small = compact(model, make_selection(graph, model, mask))
    norm = small.get_submodule("middle")
    assert isinstance(norm, nn.GroupNorm)
    assert (norm.num_groups, norm.num_channels) == (2, 4)
    kept = [2, 3, 6, 7]
    with torch.no_grad():
        before = F.relu(model.get_submodule("conv1")(IMAGES))[:, kept]
        pairs = before.unflatten(1, (2, 2))
        var, mean = torch.var_mean(pairs, (2, 3, 4), keepdim=True, correction=0)
        normed = ((pairs - mean) / (var + 1e-5).sqrt()).flatten(1, 2)
        scale, shift = (model.get_parameter(f"middle.{name}")[kept, None, None] for name in ("weight", "bias"))
        torch.testing.assert_close(norm(before), normed * scale + shift, rtol=1e-4, atol=1e-5)


class Held(nn.Module):
    """Splits by a number that it holds beside arrays, tensors and a flag that compare with it."""

    def __init__(self, size: object) -> None:
        super().__init__()
        self.flag, self.array, self.grid = True, np.arange(4), torch.arange(4)
        self.size = size
        self.conv1, self.conv2, self.fc = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        size = int(self.size) if isinstance(self.size, np.integer) else self.size
        left, right = torch.split(F.relu(self.conv1(x)), size, 1)  # type: ignore[arg-type]
        return self.fc(F.relu(self.conv2(torch.cat([left * 2, right], 1))).mean((2, 3)))


@pytest.mark.parametrize("size", [4, np.int64(4), [3, 5], (3, 5)], ids=repr)
def test_a_number_of_channels_is_told_from_what_compares_like_one(size: object) -> None:
    model = randomise(Held(size))
    graph = analyse(model, IMAGES)
    assert [group.name for group in graph.groups][:1] == ["conv1"]
    small = compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0)))
    assert isinstance(small.size, type(size)) or isinstance(size, np.int64)
    assert small.size != size
    assert small(IMAGES).shape == (2, 5)
