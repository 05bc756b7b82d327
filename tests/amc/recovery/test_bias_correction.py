"""Means that biases put right, against those of forward hooks."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.compression.compressor import Compressor
from amc.graph import PruningGraph
from amc.pruning.slicing import UnitMask, compact, make_selection
from amc.recovery.bias_correction import BiasCorrection
from tests.oracles import distance, randomise, run, snapshot


def noise(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) + 1


def normless(norm: type[nn.Module] | None = None) -> nn.Module:
    """Convolutions and a classifier with biases; a group norm in between where it is asked for."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(128, 5)]
    if norm is not None:
        layers.insert(1, norm(4, 8))
    return randomise(nn.Sequential(*layers)).eval()


def halved(graph: PruningGraph) -> UnitMask:
    mask: UnitMask = np.arange(graph.unit_count) % 2 == 0
    return mask


def means(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Mean of each output of each convolution and linear layer."""
    found: dict[str, Tensor] = {}
    handles = [
        module.register_forward_hook(
            lambda _, __, out, name=name: found.update({name: out.mean([d for d in range(out.ndim) if d != 1])})
        )
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return found


def test_every_layer_gives_what_the_original_gives_on_average() -> None:
    model, x = normless(), noise(40)
    graph = analyse(model, x)
    mask = halved(graph)
    network = compact(model, make_selection(graph, model, mask))
    before = snapshot(model)
    BiasCorrection(model, graph, [x[:10], x[10:]]).correct(network, mask)
    assert snapshot(model) == before
    wanted, got = means(model, x), means(network, x)
    for layer in graph.layers:
        torch.testing.assert_close(got[layer.name], wanted[layer.name][layer.out.kept(mask)], rtol=1e-4, atol=1e-4)


def test_images_that_are_read_in_parts_say_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = normless(), noise(40)
    graph = analyse(model, x)
    mask = halved(graph)
    uncorrected, whole, in_parts = (compact(model, make_selection(graph, model, mask)) for _ in range(3))
    BiasCorrection(model, graph, [x]).correct(whole, mask)
    monkeypatch.setattr(
        "amc.recovery.bias_correction.LARGEST_AT_ONCE", 4 * 8 * 36 * 15
    )  # of 15 images: 8 channels of 6 x 6
    BiasCorrection(model, graph, [x]).correct(in_parts, mask)
    before, one, other = (
        torch.cat([value for name, value in net.state_dict().items() if name.endswith("bias")])
        for net in (uncorrected, whole, in_parts)
    )
    assert not torch.equal(one, other)
    assert (other - one).norm() < 0.05 * (one - before).norm()


@pytest.mark.parametrize("norm", [None, nn.GroupNorm])
def test_networks_without_batch_norm_come_nearer_to_the_original(norm: type[nn.Module] | None) -> None:
    model, x = normless(norm), noise(60)
    compress = Compressor(model, analyse(model, x), [x])
    mask = halved(compress.graph)
    other = noise(60, seed=1)
    error = {
        recovery: distance(run(compress.compact(mask, recovery)[0], other), run(model, other))
        for recovery in ("none", "statistics")
    }
    assert error["statistics"] < error["none"]
