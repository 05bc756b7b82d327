"""Networks arranged for inference compute the same, whatever else reads what a norm reads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from amc.analysis.analyse import analyse
from amc.compression.compressor import Compressor
from amc.pruning.inference_form import for_inference, keep_contiguous, lay_out
from amc.pruning.slicing import compact, make_selection
from amc.scoring.scoring_network import ScoringNetwork
from amc.utils.copying import copy_network
from tests.architectures import PRUNABLE
from tests.oracles import distance, prepared, random_mask, randomise, run, snapshot


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, _BatchNorm) for module in model.modules())


@pytest.mark.parametrize("name", PRUNABLE)
def test_it_computes_the_same_and_leaves_the_original_as_it_was(name: str) -> None:
    model, graph = prepared(name)
    before, x = snapshot(model), PRUNABLE[name].example()
    assert distance(run(for_inference(model, graph), x), run(model, x)) < 1e-4
    assert snapshot(model) == before


@pytest.mark.parametrize("name", PRUNABLE)
def test_a_compact_network_is_arranged_by_the_originals_graph(name: str) -> None:
    model, graph = prepared(name)
    small, x = (
        compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0))),
        PRUNABLE[name].example(),
    )
    fast = for_inference(small, graph)
    assert distance(run(fast, x), run(small, x)) < 1e-4
    assert norms(fast) == norms(for_inference(model, graph))


@pytest.mark.parametrize(
    "name", ["plain", "projection", "resnet20", "depthwise", "inverted", "grouped_wide", "inception"]
)
def test_no_norm_is_left_where_convolutions_are_followed_by_norms(name: str) -> None:
    model, graph = prepared(name)
    assert norms(model)
    fast = for_inference(model.train(), graph)
    model.eval()
    assert norms(fast) == 0
    assert not any(module.training for module in fast.modules())


def test_weights_lie_channels_last() -> None:
    model, graph = prepared("plain")
    fast = for_inference(model, graph)
    assert fast.get_parameter("conv2.weight").is_contiguous(memory_format=torch.channels_last)


def test_other_tensors_and_networks_that_are_kept_contiguous_stay_so() -> None:
    class Scaled(nn.Conv2d):
        def __init__(self) -> None:
            super().__init__(3, 4, 3)
            self.scale = nn.Parameter(torch.ones(2, 3, 4, 5))

        def forward(self, x: Tensor) -> Tensor:
            assert x.is_contiguous()
            return super().forward(x).view(len(x), -1)

    model = Scaled()
    lay_out(model)
    assert not model.weight.is_contiguous()
    assert model.scale.is_contiguous()
    keep_contiguous(model)
    other = lay_out(copy_network(model))
    assert other.get_parameter("weight").is_contiguous()
    assert other(torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)).shape == (2, 16)


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight / weight.std(), self.bias, padding=1)


class Odd(nn.Module):
    """A convolution, a norm, and something else that touches one of the two."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.conv, self.norm, self.other = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.BatchNorm2d(6)
        self.last = nn.Conv2d(6, 4, 1)
        self.standardised = Standardised(3, 6, 3, padding=1)
        self.image = nn.Conv2d(3, 6, 1, bias=False)

    def forward(self, x: Tensor) -> Any:
        y = self.conv(x)
        z = self.norm(y)
        if self.kind == "two norms":
            z = z + self.other(y)
        elif self.kind == "read raw":
            z = z + y.relu()
        elif self.kind == "raw output":
            return {"raw": y, "out": self.last(z.relu())}
        elif self.kind == "norm runs again":
            z = z + self.norm(F.avg_pool2d(z, 3, 1, 1))
        elif self.kind == "norm runs on two convolutions":
            z = z + self.norm(self.image(x))
        elif self.kind == "convolution runs again":
            z = z + self.conv(x.flip(2)).relu()
        elif self.kind == "view of raw":
            z = z + y.flatten(2).mean(2)[:, :, None, None]
        elif self.kind == "changed in place":
            z = self.norm(y.mul_(2.0)) + z
        elif self.kind == "computed weight":
            z = self.other(self.standardised(x)) + y
        return self.last(z.relu())


class Shifted(nn.Conv2d):
    """A convolution with a layer and a buffer of its own."""

    shift: Tensor

    def __init__(self) -> None:
        super().__init__(3, 6, 3)
        self.curve = nn.PReLU()
        self.register_buffer("shift", torch.full((1,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.curve(x - self.shift))


def test_it_has_nothing_in_common_with_the_original() -> None:
    model = nn.Sequential(Shifted(), nn.BatchNorm2d(6), nn.Conv2d(6, 2, 1))
    randomise(model)
    x = torch.randn(4, 3, 5, 5)
    before, wanted = {name: tensor.dtype for name, tensor in model.state_dict().items()}, run(model, x)
    fast = for_inference(model, analyse(model, x))
    assert norms(fast) == 0
    assert distance(run(fast, x), wanted) < 1e-4
    fast.to(torch.bfloat16)
    assert {name: tensor.dtype for name, tensor in model.state_dict().items()} == before
    assert distance(run(model, x), wanted) == 0


@pytest.mark.parametrize(
    "kind",
    [
        "two norms",
        "read raw",
        "raw output",
        "norm runs again",
        "norm runs on two convolutions",
        "convolution runs again",
        "view of raw",
        "changed in place",
        "computed weight",
        "nothing odd",
    ],
)
def test_a_norm_is_folded_only_where_that_changes_nothing(kind: str) -> None:
    torch.manual_seed(0)
    model = randomise(Odd(kind))
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    fast = for_inference(model, analyse(model, x))
    with torch.no_grad():
        got, wanted = fast(x), model(x)
    for key in wanted if isinstance(wanted, dict) else ():
        np.testing.assert_allclose(got[key], wanted[key], rtol=1e-3, atol=1e-4)
    if not isinstance(wanted, dict):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)
    assert (norms(fast) == 1) == (kind == "nothing odd")  # `other`, which is not used, stays


def test_a_norm_without_statistics_of_its_own_stays() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6, track_running_stats=False), nn.Conv2d(6, 2, 1)).eval()
    x = torch.randn(4, 3, 5, 5)
    fast = for_inference(model, analyse(model, x))
    assert norms(fast) == 1
    assert distance(run(fast, x), run(model, x)) < 1e-4


def test_a_norm_without_weights_is_folded() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6, affine=False), nn.Conv2d(6, 2, 1))
    randomise(model)
    x = torch.randn(4, 3, 5, 5)
    fast = for_inference(model, analyse(model, x))
    assert norms(fast) == 0
    assert distance(run(fast, x), run(model, x)) < 1e-4


class Doubled(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu() * 2


class Unbiased(nn.Conv2d):
    """Its bias is not used."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight, None)


def timm_norm(activation: type[nn.Module]) -> nn.Module:
    norm: nn.Module = pytest.importorskip("timm.layers").BatchNormAct2d(8, act_layer=activation)
    return norm


def hooked(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda _, __, out: out.relu())
    return module


PAIRS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], int]] = {
    "norm with an activation": (lambda: nn.Conv2d(4, 8, 3), lambda: timm_norm(nn.Hardswish), 0),
    "norm with a learned activation": (lambda: nn.Conv2d(4, 8, 3), lambda: timm_norm(nn.PReLU), 0),
    "norm that computes more": (lambda: nn.Conv2d(4, 8, 3), lambda: Doubled(8), 1),
    "norm with a hook": (lambda: nn.Conv2d(4, 8, 3), lambda: hooked(nn.BatchNorm2d(8)), 1),
    "convolution with a hook": (lambda: hooked(nn.Conv2d(4, 8, 3)), lambda: nn.BatchNorm2d(8), 1),
    "convolution that computes something else": (lambda: Unbiased(4, 8, 3), lambda: nn.BatchNorm2d(8), 1),
    "transposed": (lambda: nn.ConvTranspose2d(4, 8, 3), lambda: nn.BatchNorm2d(8), 0),
    "transposed, with groups": (lambda: nn.ConvTranspose2d(4, 8, 3, groups=2), lambda: nn.BatchNorm2d(8), 1),
    "transposed, depthwise": (lambda: nn.ConvTranspose2d(4, 4, 3, groups=4), lambda: nn.BatchNorm2d(4), 1),
}
"""Convolutions and what reads them, and how many of the two norms are left."""


@pytest.mark.parametrize("name", PAIRS)
def test_what_the_classes_of_a_convolution_and_its_norm_compute_is_kept(name: str) -> None:
    conv, norm, left = PAIRS[name]
    torch.manual_seed(0)
    middle, read = conv(), norm()
    assert isinstance(read, _BatchNorm)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), middle, read, nn.Conv2d(read.num_features, 2, 1)
    )
    randomise(model)
    x = torch.randn(4, 3, 9, 9)
    wanted, graph = run(model, x), analyse(model, x)
    fast = for_inference(model, graph)
    assert norms(fast) == left
    assert distance(run(fast, x), wanted) < 1e-4
    assert not {*map(id, fast.parameters())} & {*map(id, model.parameters())}
    compressor = Compressor(model, graph, [x])
    small, _ = compressor.compact(mask := compressor.mask(graph.least), "none")
    scored = ScoringNetwork(compressor, [x], torch.float32, statistics=False).load(*compressor.tensors(mask, "none"))
    assert distance(run(scored, x), run(small, x)) < 1e-4
