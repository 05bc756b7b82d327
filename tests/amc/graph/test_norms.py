"""Norms and statistics over channels: in a pruned network they are taken over the channels that are left."""

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


class ChannelsLast(nn.Module):
    """A norm of `(batch, height, width, channels)`."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


class GlobalResponse(nn.Module):
    """ConvNeXt-V2: each channel against the mean of all, by their norms over space."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.zeros(8, 1, 1)), nn.Parameter(torch.zeros(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        size = torch.norm(x, dim=(2, 3), keepdim=True)
        return self.gamma * (x * size / (size.mean(1, keepdim=True) + 1e-6)) + self.beta + x


class SpatialAttention(nn.Module):
    """CBAM: where to look, by the mean and the largest of all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.stack([x.mean(1), x.max(1)[0]], 1)
        return x * torch.sigmoid(self.conv(seen))


def by_hand(x: Tensor) -> Tensor:
    mean = x.mean(1, keepdim=True)
    return (x - mean) / ((x - mean).pow(2).mean(1, keepdim=True) + 1e-6).sqrt()


NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "layer norm": ChannelsLast(nn.LayerNorm(8)),
    "layer norm without weights": ChannelsLast(nn.LayerNorm(8, elementwise_affine=False)),
    "layer norm over space too": nn.LayerNorm([8, 8, 8]),
    "RMS norm": ChannelsLast(nn.RMSNorm(8)),
    "group norm": nn.GroupNorm(1, 8),
    "global response": GlobalResponse(),
    "spatial attention": SpatialAttention(),
    "by hand": by_hand,
    "variance": lambda x: x / (1 + x.var(1, keepdim=True)),
    "unit length": lambda x: F.normalize(x, dim=1),
    "sum": lambda x: x / (1 + x.sum(1, keepdim=True)),
    "largest of all": lambda x: x / x.max(),
}


@pytest.mark.parametrize("kind", NORMS)
def test_a_norm_sees_the_channels_that_are_left(kind: str) -> None:
    torch.manual_seed(0)
    model = randomise(Around(NORMS[kind], 8)).double()
    graph = analyse(model, IMAGES.double())
    assert [group.name for group in graph.groups] == ["conv1", "conv2"]
    for number in range(3):
        rng = np.random.default_rng(number)
        mask = random_mask(graph, np.array([rng.choice(group.choices[:-1]) for group in graph.groups]), number)
        small = compact(model, make_selection(graph, model, mask))
        assert distance(run(small, IMAGES.double()), run_ignoring(model, graph, mask, IMAGES.double())) < 1e-9
        again = analyse(small, IMAGES.double())
        assert {group.name for group in again.groups} <= {"conv1", "conv2"}


def test_a_layer_norm_takes_mean_and_variance_of_the_channels_that_are_left() -> None:
    model = randomise(Around(ChannelsLast(nn.LayerNorm(8)), 8))
    graph = analyse(model, IMAGES)
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    mask[[0, 3, 6]] = False
    small = compact(model, make_selection(graph, model, mask))
    norm = small.get_submodule("middle.norm")
    assert isinstance(norm, nn.LayerNorm)
    assert tuple(norm.normalized_shape) == (5,)
    kept = [1, 2, 4, 5, 7]
    with torch.no_grad():
        x = torch.randn(3, 5)
        var, mean = torch.var_mean(x, 1, keepdim=True, correction=0)
        scale, shift = (model.get_parameter(f"middle.norm.{name}")[kept] for name in ("weight", "bias"))
        torch.testing.assert_close(norm(x), (x - mean) / (var + norm.eps).sqrt() * scale + shift)


def test_a_statistic_that_is_compared_with_a_constant_follows_too() -> None:
    """A mean that the user's code takes by a sum and a number of its own is the sum of what is left by that number."""
    model = randomise(Around(lambda x: x - x.sum(1, keepdim=True) / 8, 8)).double()
    graph = analyse(model, IMAGES.double())
    mask = random_mask(graph, graph.least, 0)
    small = compact(model, make_selection(graph, model, mask))
    assert distance(run(small, IMAGES.double()), run_ignoring(model, graph, mask, IMAGES.double())) < 1e-9
