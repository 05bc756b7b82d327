"""Statistics taken by a program with a prefix cache are those of each network by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.compression.compressor import Compressor
from amc.graph import KeptCounts
from amc.recovery.batch_norm_statistics import reestimate
from amc.scoring.executor.statistics_pass import StatisticsPass
from amc.scoring.scoring_network import ScoringNetwork
from tests.architectures import PRUNABLE
from tests.oracles import Calls, prepared

NORMS = torch.ops.aten.batch_norm_update_stats.default


def images(name: str) -> list[Tensor]:
    """Three batches, the last one smaller."""
    batches: Tensor = PRUNABLE[name].example(20)
    return list(batches.contiguous(memory_format=torch.channels_last).split(8))


@pytest.mark.parametrize("name", ["plain", "projection", "resnet20", "inverted", "dense"])
def test_policies_that_begin_alike_get_the_statistics_that_each_has_by_itself(name: str) -> None:
    model, graph = prepared(name)
    batches = images(name)
    compressor = Compressor(model, graph, batches)
    fast = ScoringNetwork(compressor, batches, torch.float32, statistics=True)
    assert fast._statistics is not None
    rng = np.random.default_rng(0)
    policy = graph.full.copy()
    ran = []

    def compact(kept_counts: KeptCounts) -> nn.Module:
        return fast._with_norms(*compressor.tensors(compressor.mask(kept_counts), "both"))

    for shared in (len(policy) - 1, 1, len(policy) - 1, 0):
        for _ in range(5):
            policy[shared:] = [rng.choice(group.choices) for group in graph.groups[shared:]]
            network = compact(policy)
            with Calls(NORMS) as norms:
                fast._statistics.take(network)
            ran.append(norms.count)
            found = {key: buffer.clone() for key, buffer in network.named_buffers()}
            again = compact(policy)
            reestimate(again, batches)
            for key, wanted in again.named_buffers():
                torch.testing.assert_close(found[key], wanted, rtol=1e-4, atol=1e-5)
    assert ran[3] == ran[4] < ran[0]  # norms before the place where they part did not run
    assert max(ran) == ran[0]


class NormedTwice(nn.Module):
    """One norm reads two things."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.norm(x), self.norm(2 * x + 1)])


class Untracked(nn.Module):
    """A norm beside one that keeps no statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.BatchNorm2d(3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norms(x)
        return out


class Unused(nn.Module):
    """A norm that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.unused = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x)
        return out


class OfItsOwn(nn.Module):
    """What is no batch norm of PyTorch's holds statistics, which are left as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.register_buffer("running_mean", torch.ones(3))
        self.register_buffer("running_var", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.batch_norm(x, self.running_mean, self.running_var))  # type: ignore[arg-type]


@pytest.mark.parametrize("build", [NormedTwice, Untracked, Unused, OfItsOwn])
def test_norms_that_a_program_cannot_follow(build: type[nn.Module]) -> None:
    one, other = build().eval(), build().eval()
    batches = list(torch.randn(12, 3, 4, 4).split(5))
    StatisticsPass(one, [one, one], batches).take(one)
    reestimate(other, batches)
    assert all(torch.equal(buffer, wanted) for buffer, wanted in zip(one.buffers(), other.buffers(), strict=True))


class Two(nn.Module):
    """Reads two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        out: Tensor = self.norm(x + y)
        return out


def test_several_inputs() -> None:
    network = Two().eval()
    x = torch.randn(8, 3, 4, 4)
    StatisticsPass(network, [network, network], [(x, x)]).take(network)
    torch.testing.assert_close(network.norm.running_mean, 2 * x.mean((0, 2, 3)))
