"""What PyTorch offers besides layers: nothing crashes, and the layers around are still cut."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from amc.analysis.analyse import analyse
from amc.pruning.slicing import compact, make_selection
from tests.architectures import PRUNABLE
from tests.oracles import random_mask, randomise, run
from tests.unusual import Around

IMAGES = PRUNABLE["plain"].example()


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(self.conv, x, use_reentrant=False)
        return out


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.clamp(min=0) * 2

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return gradient


class HalfPrecision(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out: Tensor = self.conv(x)
        return out.to(x.dtype)


class Running(nn.Module):
    """A buffer that every forward pass moves, in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("average", torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        average = self.get_buffer("average")
        average.mul_(0.9).add_(x.detach().mean((0, 2, 3)), alpha=0.1)
        return x / (1 + average[:, None, None].abs())


class Recurrent(nn.Module):
    """Channels are gated by what a recurrent network makes of the image's rows."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.rows = kind(8, 8, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rows(x.mean(3).transpose(1, 2))
        return x * torch.sigmoid(states.mean(1))[:, :, None, None]


class TwoSided(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Bilinear(8, 8, 8)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3))
        out: Tensor = x * self.gate(mean, mean)[:, :, None, None]
        return out


class Selective(nn.Module):
    """SKNet: a softmax over branches, for each channel by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Conv2d(8, 8, size, padding=size // 2) for size in (3, 5)])
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.weights = nn.ModuleList([nn.Conv2d(4, 8, 1) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.stack([branch(x) for branch in self.branches], 1)
        squeezed = F.relu(self.squeeze(seen.sum(1).mean((2, 3), keepdim=True)))
        return (seen * torch.stack([each(squeezed) for each in self.weights], 1).softmax(1)).sum(1)


def scripted() -> nn.Module:
    with pytest.warns(FutureWarning):
        module: nn.Module = torch.jit.script(nn.Sequential(nn.Conv2d(8, 8, 1), nn.PReLU(8)))
    return module


KINDS: dict[str, tuple[Callable[[], Callable[[Tensor], Tensor]], bool]] = {
    "checkpointing": (Checkpointed, True),
    "a function with a backward of its own": (lambda: Doubled.apply, True),
    "autocast": (HalfPrecision, True),
    "data parallel": (lambda: nn.DataParallel(nn.Conv2d(8, 8, 1)), True),
    "lazy": (lambda: nn.LazyConv2d(8, 1), True),
    "softmax over branches": (Selective, True),
    "batch norm without weights": (lambda: nn.BatchNorm2d(8, affine=False), True),
    "batch norm without statistics": (lambda: nn.BatchNorm2d(8, track_running_stats=False), True),
    "instance norm with statistics": (lambda: nn.InstanceNorm2d(8, affine=True, track_running_stats=True), True),
    "a running average": (Running, True),
    "noise": (lambda: lambda x: x + 0 * torch.randn_like(x), True),
    "scripted": (scripted, False),
    "einsum": (lambda: lambda x: torch.einsum("bchw,cd->bdhw", x, torch.ones(8, 8)), False),
    "complex": (lambda: lambda x: torch.view_as_real(torch.complex(x, x) * (1 + 2j))[..., 0], False),
    "Fourier": (lambda: lambda x: torch.fft.fft2(x).real, False),
    "LSTM": (lambda: Recurrent(nn.LSTM), False),
    "GRU": (lambda: Recurrent(nn.GRU), False),
    "bilinear": (TwoSided, False),
    "local response": (lambda: nn.LocalResponseNorm(3), False),
    "a number that leaves torch": (lambda: lambda x: x * float(x.numpy(force=True).mean()), False),
}
"""How to build it, and whether the channels that it reads can be cut."""


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_cut_or_frozen_and_the_rest_is_cut(kind: str) -> None:
    build, is_cut = KINDS[kind]
    torch.manual_seed(0)
    built = Around(build(), 8).eval()
    run(built, IMAGES)  # where it is lazy
    model = randomise(built)
    graph = analyse(model, IMAGES)
    names = {group.name for group in graph.groups}
    assert "conv2" in names
    assert ("conv1" in names) == is_cut
    run(compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0))), IMAGES)


def test_a_buffer_that_a_forward_pass_moves_is_as_before() -> None:
    model = Around(Running(), 8)
    analyse(model, IMAGES)
    assert torch.equal(model.get_buffer("middle.average"), torch.ones(8))


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3), nn.Conv2d(4, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = x[:, 2:6]  # the line that is looked for
        out: Tensor = self.conv2(x).mean((2, 3))
        return out


def test_a_reason_names_the_operator_the_module_and_the_line() -> None:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "the line that is looked for" in text)
    reasons = {frozen.name: frozen.reason for frozen in analyse(nn.Sequential(Named()), IMAGES).frozen}
    assert reasons["0.conv1"] == f"channels taken by a fixed position: aten.slice in 0 (test_features.py:{line})"
