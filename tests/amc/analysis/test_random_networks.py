"""Networks put together at random: whatever the analysis lets be cut, the compact network has to be right."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.cost.costs import macs, memory, params
from amc.pruning.inference_form import for_inference
from amc.pruning.slicing import compact, make_selection
from tests.memory import counted_memory
from tests.oracles import (
    counted_macs,
    counted_params,
    distance,
    random_mask,
    randomise,
    run,
    run_ignoring,
)


class Gate(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))


class OverPixels(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


class Halves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1)
        return left * torch.sigmoid(right)


def one(draw: random.Random, width: int) -> tuple[nn.Module, int]:
    """An operation on one tensor of that many channels, and the number of channels that it makes; some fix them."""
    out = draw.choice([4, 6, 8, 12])
    groups = draw.choice([each for each in (1, 2, 3, 4) if width % each == 0])
    wide = groups * draw.choice([1, 2, 4])
    operations: list[tuple[nn.Module, int]] = [
        (nn.Conv2d(width, out, 3, padding=1, bias=draw.random() < 0.5), out),
        (nn.Conv2d(width, out, 1), out),
        (nn.Conv2d(width, 2 * width, 3, padding=1, groups=width), 2 * width),
        (nn.Conv2d(width, wide, 3, padding=1, groups=groups), wide),
        (nn.ConvTranspose2d(width, out, 3, padding=1), out),
        (OverPixels(width, out), out),
        (Gate(width, 3), width),
        (nn.BatchNorm2d(width), width),
        (nn.PReLU(width), width),
        (nn.AvgPool2d(3, 1, 1), width),
    ]
    fixing: list[tuple[nn.Module, int]] = [(nn.GroupNorm(1, width), width)]
    if width % 2 == 0:
        fixing += [(Halves(), width // 2), (nn.ChannelShuffle(2), width)]
    return draw.choice(operations * 3 + fixing)


class RandomNetwork(nn.Module):
    """Each step works on one of the tensors so far, adds or multiplies two that match, or joins any two."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = random.Random(seed)
        self.steps: list[tuple[str, int, int]] = []
        self.parts = nn.ModuleList()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        widths, used = [8], set()
        for _ in range(draw.randint(4, 9)):
            kind, first, second = draw.choice(["one", "one", "one", "add", "times", "join"]), *self._two(draw, widths)
            if kind != "join" and kind != "one":
                second = draw.choice([i for i, width in enumerate(widths) if width == widths[first]])
            width = widths[first] + (widths[second] if kind == "join" else 0)
            if kind == "one":
                part, width = one(draw, width)
                second = len(self.parts)
                self.parts.append(part)
            self.steps.append((kind, first, second))
            used |= {first} if kind == "one" else {first, second}
            widths.append(width)
        self.open = [place for place in range(len(widths)) if place not in used]
        self.head = nn.Linear(sum(widths[place] for place in self.open), 3)

    @staticmethod
    def _two(draw: random.Random, widths: list[int]) -> tuple[int, int]:
        """Two places, the first one more often among the latest."""
        return max(draw.randrange(len(widths)), draw.randrange(len(widths))), draw.randrange(len(widths))

    def forward(self, x: Tensor) -> Tensor:
        seen = [F.relu(self.stem(x)) + 0.1]
        for kind, first, second in self.steps:
            if kind == "one":
                seen.append(F.relu(self.parts[second](seen[first])) + 0.1)
            elif kind == "join":
                seen.append(torch.cat([seen[first], seen[second]], 1))
            else:
                seen.append(seen[first] + seen[second] if kind == "add" else seen[first] * seen[second].sigmoid())
        out: Tensor = self.head(torch.cat([seen[place] for place in self.open], 1).mean((2, 3)))
        return out


@pytest.mark.parametrize("seed", range(50))
def test_whatever_may_be_cut_is_cut_right(seed: int) -> None:
    torch.manual_seed(seed)
    model = randomise(RandomNetwork(seed), seed)
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    graph = analyse(model, x)
    assert not [frozen for frozen in graph.frozen if "fails" in frozen.reason or "differ" in frozen.reason]
    for number in range(2 if graph.groups else 0):
        rng = np.random.default_rng(number)
        kept_counts = graph.least if number == 0 else np.array([rng.choice(group.choices) for group in graph.groups])
        mask = random_mask(graph, kept_counts, number)
        small = compact(model, make_selection(graph, model, mask))
        assert distance(run(small, x), run_ignoring(model, graph, mask, x)) < 1e-4
        assert distance(run(for_inference(small, graph), x), run(small, x)) < 1e-4
        assert macs(graph)(kept_counts) == counted_macs(small, x)
        assert params(graph)(kept_counts) == counted_params(small)
        needed = counted_memory(small, x)
        assert memory(graph)(kept_counts) >= needed
        if (
            kept_counts.min() > 1
        ):  # a single channel can be written over the one map that all channels are multiplied by
            assert memory(graph)(kept_counts) == needed


def test_enough_of_them_can_be_cut() -> None:
    found = [len(analyse(RandomNetwork(seed), torch.randn(2, 3, 4, 4)).groups) for seed in range(0, 50, 5)]
    assert sum(found) > 15
