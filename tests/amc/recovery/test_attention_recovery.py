"""Recovery where heads and keys are cut: attention's output projection is solved as other layers are."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.compression.compressor import Compressor
from amc.graph import PruningGraph
from amc.pruning.slicing import UnitMask, output_factors
from amc.recovery.blocks import find_blocks
from tests.attention import WRITTEN
from tests.oracles import run

NAMES = ["fused", "of the stream"]


def images(count: int, seed: int) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def half(name: str) -> tuple[nn.Module, PruningGraph, Compressor, UnitMask]:
    """A network of which about half of everything goes."""
    model = WRITTEN[name].build().eval()
    graph = analyse(model, images(2, 0))
    compressor = Compressor(model, graph, [images(64, 1), images(64, 2)])
    return model, graph, compressor, compressor.mask(np.array([(group.units + 1) // 2 for group in graph.groups]))


@pytest.mark.parametrize("name", NAMES)
def test_every_recovery_comes_nearer_to_the_original(name: str) -> None:
    model, _, compressor, mask = half(name)
    test = images(64, 3)
    (wanted,) = run(model, test)

    def distance(recovery: str) -> float:
        (got,) = run(compressor.compact(mask, recovery)[0], test)
        return float((got - wanted).square().mean() / (wanted - wanted.mean(0)).square().mean())

    none, reconstruction, both, asymmetric = map(distance, ("none", "reconstruction", "both", "asymmetric"))
    assert reconstruction < none
    assert max(both, asymmetric) < 0.5 * reconstruction


def test_the_projection_of_heads_loses_as_little_as_least_squares_can() -> None:
    """Only a head of the last block is cut, so that its projection reads what the original's does, less of it."""
    model, graph, compressor, _ = half("fused")
    group = next(group for group in graph.groups if group.name == "blocks.1.attention.qkv")
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    mask[group.slice] = [True, False, True]
    network, _ = compressor.compact(mask, "reconstruction")

    read: list[Tensor] = []
    handle = model.get_submodule("blocks.1.attention.proj").register_forward_pre_hook(lambda _, x: read.append(x[0]))
    for batch in compressor.calibration:
        run(model, batch)
    handle.remove()
    rows = torch.cat(read).flatten(0, 1).double()
    kept = torch.cat([torch.arange(0, 5), torch.arange(10, 15)])
    projection = model.get_submodule("blocks.1.attention.proj")
    assert isinstance(projection, nn.Linear)
    found = network.get_submodule("blocks.1.attention.proj")
    assert isinstance(found, nn.Linear)
    with torch.no_grad():
        targets = projection.double()(rows)
        inputs = torch.cat([rows[:, kept], torch.ones(len(rows), 1)], 1)
        best = inputs @ torch.linalg.lstsq(inputs, targets).solution
        sliced = nn.functional.linear(rows[:, kept], projection.weight[:, kept], projection.bias)
        lost, least, without = (
            float((each - targets).square().mean()) for each in (found.double()(rows[:, kept]), best, sliced)
        )
    assert lost < 1.01 * least < 0.5 * without


def test_queries_are_solved_for_the_scale_of_fewer_keys() -> None:
    """The outputs that solves and bias corrections aim at are the original's, times the root of the keys' share."""
    _, graph, _, mask = half("fused")
    layer = next(layer for layer in graph.layers if layer.name == "blocks.0.attention.qkv")
    factors = output_factors(graph, layer, mask)
    assert factors is not None
    queries, others = factors[: len(factors) // 3], factors[len(factors) // 3 :]
    assert torch.allclose(queries, torch.full_like(queries, (3 / 5) ** 0.5))
    assert torch.equal(others, torch.ones_like(others))
    unscaled = next(layer for layer in graph.layers if layer.name == "blocks.0.fc1")
    assert output_factors(graph, unscaled, mask) is None


@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_trained_between_attentions(name: str) -> None:
    model, graph, compressor, mask = half(name)
    network, selection = compressor.compact(mask, "none")
    assert selection.attributes
    blocks = find_blocks((model, network), graph, mask, images(3, 4), None)
    assert sum(any("qkv" in each or ".q." in each for each in names) for names in blocks.names) == 2
