"""Channels that can't be cut, the reason that is given, and what else of the network can."""

import re
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.pruning.slicing import compact, make_selection
from tests.architectures import PRUNABLE
from tests.oracles import distance, prepared, random_mask, randomise, run, run_ignoring
from tests.unusual import Around

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def shuffled(x: Tensor) -> Tensor:
    return x.unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2)


def standardised(x: Tensor) -> Tensor:
    return F.conv2d(x, torch.linspace(-1, 1, 8 * 8).reshape(8, 8, 1, 1))


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight - self.weight.mean((1, 2, 3), keepdim=True), self.bias, padding=1)


class OtherWayRound(nn.Module):
    """A convolution whose weight is stored as (in, out, height, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8, 6, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight.transpose(0, 1), padding=1)


class FixedFilter(nn.Module):
    """Weights that are not trained, such as a blur."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.rand(8, 1, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel, groups=8)


MIDDLES: dict[str, tuple[Callable[[Tensor], Tensor], int, str]] = {
    "split": (lambda x: x.split([5, 3], 1)[0], 5, "channels taken by a fixed position: aten.split_with_sizes"),
    "slice": (lambda x: x[:, 1:7], 6, "channels taken by a fixed position: aten.slice"),
    "stride": (lambda x: x[:, ::2], 4, "channels taken by a fixed position: aten.slice"),
    "select": (lambda x: x[:, 3][:, None], 1, "channels taken by a fixed position: aten.select"),
    "pad": (lambda x: F.pad(x, (0, 0, 0, 0, 1, 1)), 10, "channels taken by a fixed position: aten.constant_pad_nd"),
    "shuffle": (shuffled, 8, "its channels are split by aten.view in the network itself"),
    "even split": (lambda x: x.split(4, 1)[0], 4, "its channels are split by aten.split in the network itself"),
    "flip": (lambda x: x.flip(1), 8, "channels taken by a fixed position: aten.flip"),
    "roll": (lambda x: x.roll(1, 1), 8, "channels taken by a fixed position: aten.roll"),
    "index": (lambda x: x[:, [3, 1, 2, 0, 7, 6, 5, 4]], 8, "channels taken by a fixed position: aten.index"),
    "cumsum": (lambda x: x.cumsum(1), 8, "channels set against each other by aten.cumsum"),
    "softmax": (lambda x: x.softmax(1), 8, "channels set against each other by aten._softmax"),
    "mean": (lambda x: x.mean(1, keepdim=True), 1, "read by no convolution or linear layer"),
    "position": (lambda x: x * x.argmax(1, keepdim=True), 8, "a position among channels is found by aten.argmax"),
    "constant": (lambda x: x + torch.linspace(0, 1, 8)[:, None, None], 8, "combined with a tensor of fixed size by"),
    "standardised": (Standardised(8, 8, 3), 8, "convolution with a computed weight: aten.convolution in middle"),
    "other way round": (OtherWayRound(), 6, "convolution with a computed weight: aten.convolution in middle"),
    "fixed filter": (standardised, 8, "convolution with a computed weight"),
    "filter in a buffer": (
        FixedFilter(),
        8,
        "convolution with a weight that is no parameter: aten.convolution in middle",
    ),
    "grouped up": (nn.ConvTranspose2d(8, 8, 2, groups=2), 8, "convolution transposed and grouped"),
    "hard-coded view": (
        lambda x: x.view(-1, 8, 64).reshape(-1, 8, 8, 8),
        8,
        "self-check: the compact network fails with RuntimeError",
    ),
    "hard-coded groups": (
        lambda x: F.conv2d(x, nn.Parameter(torch.ones(8, 1, 1, 1)), groups=8),
        8,
        "convolution with a computed weight",
    ),
}


@pytest.mark.parametrize("kind", MIDDLES)
def test_what_fixes_channels_is_named_and_the_rest_can_be_cut(kind: str) -> None:
    middle, width, reason = MIDDLES[kind]
    torch.manual_seed(0)
    model = randomise(Around(middle, width))
    graph = analyse(model, IMAGES)
    reasons = {frozen.name: frozen.reason for frozen in graph.frozen}
    assert re.search(re.escape(reason), reasons["conv1"])
    assert reasons["fc"] == "output of the network"
    assert [group.name for group in graph.groups] == ["conv2"]
    mask = random_mask(graph, graph.least, 0)
    smaller = run(compact(model, make_selection(graph, model, mask)), IMAGES)
    assert distance(smaller, run_ignoring(model, graph, mask, IMAGES)) < 1e-4


@pytest.mark.parametrize("kind", ["standardised", "other way round", "grouped up"])
def test_a_layer_with_a_weight_that_cannot_be_cut_is_listed(kind: str) -> None:
    middle, width, reason = MIDDLES[kind]
    graph = analyse(Around(middle, width), IMAGES)
    reasons = {frozen.name: frozen.reason for frozen in graph.frozen}
    assert reasons["middle"].startswith(reason)


def test_a_product_with_a_buffer_is_read_but_not_cut() -> None:
    class Projected(nn.Module):
        matrix: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("matrix", torch.rand(8, 8), persistent=False)
            self.first, self.second, self.last = nn.Linear(5, 8), nn.Linear(8, 6), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.last(self.second(self.first(x).relu() @ self.matrix).relu())
            return out

    graph = analyse(Projected(), torch.randn(2, 5))
    assert [group.name for group in graph.groups] == ["second"]
    reason = next(frozen.reason for frozen in graph.frozen if frozen.name == "first")
    assert reason.startswith("product with a weight that is no parameter: aten.mm")


def overwritten(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, :, :4].mul_(2)
    y.flatten(2)[:, :, 0] = 0
    return y


HARMLESS: dict[str, Callable[[Tensor], Tensor]] = {
    "pooling": lambda x: F.max_pool2d(F.avg_pool2d(x, 3, 1), 2),
    "resizing": lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
    "instance norm": F.instance_norm,
    "dropout": nn.Dropout2d(0.5),
    "global response": lambda x: x * x.mean((2, 3), keepdim=True),
    "in place": lambda x: x.mul_(2.0).clamp_(max=1.0),
    "crop": lambda x: x[:, :, 1:-1, 1:-1],
    "twice": lambda x: torch.cat([x, -x], 1)[:, :, :, 1:],
    "there and back": lambda x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
    "softmax over space": lambda x: x.flatten(2).softmax(2).unflatten(2, (8, 8)),
    "running sum over space": lambda x: x.cumsum(2),
    "sorted over space": lambda x: x.flatten(2).sort(2)[0].unflatten(2, (8, 8)),
    "mirrored": lambda x: torch.stack(x.flip(3).unbind(0)),
    "rolled over space": lambda x: x.roll((1, -1), (2, 3)),
    "patches and back": lambda x: F.fold(F.unfold(x, 2, stride=2), (8, 8), 2, stride=2),
    "unpooled": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), [2, 2]),
    "overwritten in part": overwritten,
    "several scales": lambda x: x * torch.tensor(2.0) + 1,
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_leaves_channels_alone_freezes_nothing(kind: str) -> None:
    middle = HARMLESS[kind]
    torch.manual_seed(0)
    model = randomise(Around(middle, 16 if kind == "twice" else 8))
    graph = analyse(model, IMAGES)
    assert [(group.name, group.units) for group in graph.groups] == [("conv1", 8), ("conv2", 6)]
    mask = random_mask(graph, graph.least, 0)
    smaller = run(compact(model, make_selection(graph, model, mask)), IMAGES)
    assert distance(smaller, run_ignoring(model, graph, mask, IMAGES)) < 1e-4


OUTPUT = "output of the network"
ONLY_OUTPUTS = {
    "convnext": ["head"],
    "positions": ["head"],
    "transformer": ["head"],
    "flattened": ["fc2"],
    "functional": ["head"],
    "tied_weights": ["out"],
    "unet": ["out"],
    "espnet": ["out"],
    "two_outputs": ["conv2.0", "fc"],
}


@pytest.mark.parametrize("name", sorted(set(PRUNABLE) - {"padded", "resnet20"}))
def test_of_most_networks_only_the_outputs_are_frozen(name: str) -> None:
    _, graph = prepared(name)
    expected = [(output, OUTPUT) for output in ONLY_OUTPUTS.get(name, ["fc"])]
    assert [(frozen.name, frozen.reason) for frozen in graph.frozen] == expected


def test_a_padded_shortcut_freezes_its_stage() -> None:
    _, graph = prepared("padded")
    assert [(frozen.name, frozen.width, frozen.reason) for frozen in graph.frozen] == [
        ("conv1", 16, "channels taken by a fixed position: aten.constant_pad_nd in layer2.0 (cifar_resnet.py:37)"),
        ("layer2.0.conv2", 32, "combined with a tensor of fixed size by aten.add in layer2.0 (cifar_resnet.py:30)"),
        ("layer3.0.conv2", 64, "combined with a tensor of fixed size by aten.add in layer3.0 (cifar_resnet.py:30)"),
        ("linear", 5, OUTPUT),
    ]


class Unread(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unread, self.narrow = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 7, 1), nn.Conv2d(4, 1, 1)
        self.fc = nn.Linear(1, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.used(x)
        self.unread(x)
        out: Tensor = self.fc(self.narrow(x).mean((2, 3)))
        return out


def test_what_nobody_reads_and_what_is_single_stays() -> None:
    graph = analyse(Unread(), IMAGES)
    reasons = {frozen.name: frozen.reason for frozen in graph.frozen}
    assert reasons["unread"] == "read by no convolution or linear layer"
    assert reasons["narrow"] == "a single channel"
    assert [group.name for group in graph.groups] == ["used"]


class Unequal(nn.Module):
    """`wide` ties the channels of both branches together, but `conv` reads only those of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.wide = nn.Conv2d(3, 6, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(3, 10, 1)
        self.conv, self.mix = nn.Conv2d(6, 4, 1), nn.Conv2d(14, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        both = torch.cat([a, self.b(x)], 1) + self.wide(x)
        out: Tensor = self.mix(torch.cat([both, self.conv(a)], 1))
        return out.mean((2, 3))


def test_channels_that_cost_unequally_are_groups_of_their_own() -> None:
    graph = analyse(Unequal(), IMAGES)
    assert [(group.name, group.width) for group in graph.groups] == [("a", 6), ("b", 4), ("conv", 4)]


def test_a_grouped_convolution_of_the_image_is_frozen() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.Conv2d(6, 5, 1), nn.ReLU(), nn.Conv2d(5, 2, 1))
    graph = analyse(model, IMAGES)
    assert graph.frozen[0].reason == "fixed input of a grouped convolution, aten.convolution in 0"
    assert [group.name for group in graph.groups] == ["1"]


def test_a_group_narrower_than_a_rounding_step_is_listed() -> None:
    model, _ = prepared("plain")
    graph = analyse(model, IMAGES, round_to=8)
    assert [group.name for group in graph.groups] == ["conv2"]
    assert graph.groups[0].choices == (8, 12)
    assert [(frozen.name, frozen.width) for frozen in graph.frozen if "too narrow" in frozen.reason] == [("conv1", 8)]
