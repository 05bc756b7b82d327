"""Networks that begin alike, computed from where they part."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from amc.pruning.inference_form import lay_out
from amc.replay.operator_program import OperatorProgram
from amc.replay.operator_trace import OperatorTrace
from amc.replay.sizeless_operators import CONVOLUTION
from amc.replay.trace_merging import merged_steps
from amc.scoring.executor import prefix_cache
from amc.scoring.executor.prefix_cache import PrefixCache
from tests.oracles import Calls

BATCH, IMAGES, DEPTH = 4, 14, 6
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(IMAGES, 3, 5, 5, generator=GENERATOR).contiguous(memory_format=torch.channels_last)
SLICES = [slice(start, start + BATCH) for start in range(0, IMAGES, BATCH)]
WHOLE = len(SLICES) * DEPTH
"""Convolutions of one network on all images."""


CONVOLUTIONS = CONVOLUTION, torch.ops.aten.conv2d.default


def network(*seeds: int) -> nn.Module:
    """Convolutions, each drawn by its seed."""
    layers: list[nn.Module] = []
    for place, seed in enumerate(seeds):
        torch.manual_seed(seed)
        layers += [nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(inplace=place % 2 == 0)]
    return lay_out(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval())


def alike(shared: int, other: int) -> nn.Module:
    """One whose first convolutions are those of all others."""
    return network(*range(shared), *[100 * other + each for each in range(DEPTH - shared)])


def cache(model: nn.Module | None = None) -> PrefixCache:
    one, other = (OperatorTrace(model or network(*range(DEPTH)), X[:images]) for images in (2, 3))
    return PrefixCache(OperatorProgram(merged_steps(one, other), one.names, one.shapes, one.output), X)


def convolutions(cached: PrefixCache, model: nn.Module, places: Sequence[Tensor | slice] = SLICES) -> int:
    """How many run while it answers; the answers must be those of the model itself."""
    compute = cached.bind(model)
    with torch.inference_mode():
        with Calls(*CONVOLUTIONS) as ran:
            found = [compute(each) for each in places]
        for each, out in zip(places, found, strict=True):
            assert torch.equal(out, model(X[each]))
    return ran.count


def test_what_two_in_a_row_have_in_common_is_computed_no_more() -> None:
    cached = cache()
    counts = [convolutions(cached, alike(4, other)) for other in range(1, 6)]
    assert counts[:2] == [WHOLE] * 2  # it is kept when the second one runs
    assert counts[2:] == [len(SLICES) * (DEPTH - 4)] * 3


def test_networks_that_begin_otherwise_are_computed_whole() -> None:
    cached = cache()
    for other in range(1, 5):
        convolutions(cached, alike(3, other))
    assert convolutions(cached, network(*range(50, 50 + DEPTH))) == WHOLE
    assert convolutions(cached, alike(3, 9)) < WHOLE  # what was kept is still there


def test_a_longer_common_part_takes_the_place_of_a_shorter_one() -> None:
    cached = cache()
    for other in range(1, 10):
        convolutions(cached, alike(2, other))
    counts = [convolutions(cached, alike(5, other)) for other in range(10, 20)]
    assert counts[0] == counts[1] == len(SLICES) * 4
    assert counts[-1] == len(SLICES) * 1


def test_a_shorter_one_takes_the_place_of_a_longer_one_that_is_over() -> None:
    cached = cache()
    for other in range(1, 10):
        convolutions(cached, alike(5, other))
    counts = [convolutions(cached, alike(1, other)) for other in range(10, 20)]
    assert counts[0] == WHOLE
    assert counts[-1] == len(SLICES) * 5


def test_images_in_any_order_and_some_of_them_only() -> None:
    cached = cache()
    convolutions(cached, alike(4, 1))
    order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(1)).split(BATCH)
    assert convolutions(cached, alike(4, 2), order[:2]) == 2 * DEPTH
    assert convolutions(cached, alike(4, 3), order) == 2 * 2 + 2 * DEPTH  # two batches were there
    assert convolutions(cached, alike(4, 4), order) == len(SLICES) * 2
    other_order = torch.cat(order[:3]).flip(0).split(BATCH)
    assert convolutions(cached, alike(4, 5), other_order) == 3 * 2


def test_no_more_is_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix_cache, "MOST_BYTES", X.nbytes - 1)
    cached = cache()
    assert [convolutions(cached, alike(4, other)) for other in range(1, 6)] == [WHOLE] * 5


class Double(nn.Module):
    """From here on all is float64."""

    def forward(self, x: Tensor) -> Tensor:
        return x.double()


def test_number_formats_may_differ_from_place_to_place() -> None:
    def mixed(shared: int, other: int) -> nn.Module:
        plain = list(alike(shared, other).children())
        return nn.Sequential(*plain[:4], Double(), *[layer.double() for layer in plain[4:]])

    cached = cache(mixed(DEPTH, 0))
    for other in range(1, 4):
        convolutions(cached, mixed(1, other))
    counts = [convolutions(cached, mixed(5, other)) for other in range(4, 12)]
    assert counts[-1] == len(SLICES) * 1
