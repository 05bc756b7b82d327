"""The whole way from channels to a compact network: what reconstruction and new statistics are good for."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.compression.compressor import Compressor
from amc.graph import PruningGraph
from amc.pruning.slicing import UnitMask
from amc.recovery import reconstructor
from amc.recovery.batch_norm_statistics import reestimate
from amc.recovery.recoveries import RECOVERIES
from tests.architectures import PRUNABLE, Plain
from tests.oracles import distance, prepared, randomise, run, snapshot


def images(name: str, count: int = 24, seed: int = 0) -> Tensor:
    return torch.randn(count, *PRUNABLE[name].input_shape, generator=torch.Generator().manual_seed(seed))


def compressor(name: str) -> Compressor:
    model, graph = prepared(name)
    return Compressor(model, graph, [images(name, 16), images(name, 8, seed=1)])


def without(graph: PruningGraph, *units: int) -> UnitMask:
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    mask[list(units)] = False
    return mask


@pytest.mark.parametrize("name", PRUNABLE)
def test_nothing_removed_changes_no_weight(name: str) -> None:
    compress = compressor(name)
    network, selection = compress.compact(compress.mask(compress.graph.full), "reconstruction")
    assert not selection.attributes
    for key, tensor in compress.model.state_dict().items():
        assert torch.equal(network.state_dict()[key], tensor), key


@pytest.mark.parametrize("recovery", sorted({*RECOVERIES} - {"blockwise"}))  # which trains for long
@pytest.mark.parametrize("name", PRUNABLE)
def test_a_compact_network_runs_and_the_original_is_untouched(name: str, recovery: str) -> None:
    compress = compressor(name)
    before = snapshot(compress.model)
    network, _ = compress.compact(compress.mask(compress.graph.least), recovery)
    assert snapshot(compress.model) == before
    assert all(torch.isfinite(out).all() for out in run(network, images(name)))
    assert not any(module.training for module in network.modules())
    again, _ = compress.compact(compress.mask(compress.graph.least), recovery)
    assert distance(run(again, images(name)), run(network, images(name))) == 0


@pytest.mark.parametrize(
    "name", sorted(set(PRUNABLE) - {"unet", "tied_weights"})
)  # transposed convolutions are only sliced
def test_least_squares_comes_nearer_to_the_original_than_slicing(name: str) -> None:
    x, errors = images(name), {}
    for solved in (True, False):
        compress = compressor(name)
        group = compress.graph.groups[-1]  # its consumers are near the output, which measures the error
        kept_counts = compress.graph.full
        kept_counts[group.index] = group.choices[0]
        network, _ = compress.compact(compress.mask(kept_counts), "reconstruction" if solved else "none")
        pairs = zip(run(network, x), run(compress.model, x), strict=True)
        errors[solved] = sum(float((a - b).square().mean()) for a, b in pairs)
    assert errors[True] < errors[False]


def duplicated(kind: str) -> tuple[nn.Module, PruningGraph, int]:
    """A network in which one unit of a group computes what another one does, and the number of that unit."""
    torch.manual_seed(0)
    model = randomise(PRUNABLE[kind].build())
    rows = {
        "plain": ["conv1.weight", "bn1"],
        "flattened": ["conv2.weight", "conv2.bias"],
        "signal": ["conv1.weight", "bn1"],
    }
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if any(key.startswith(prefix) for prefix in rows[kind]) and tensor.ndim:
                tensor[5] = tensor[2]
    graph = analyse(model, PRUNABLE[kind].example())
    return model, graph, graph.groups[1 if kind == "flattened" else 0].first_unit + 5


@pytest.mark.parametrize("kind", ["plain", "flattened", "signal"])
def test_a_duplicated_channel_goes_without_loss(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, graph, unit = duplicated(kind)
    x = images(kind, 64)
    compress = Compressor(model, graph, [x])
    sliced, _ = compress.compact(without(graph, unit), "none")
    assert distance(run(sliced, x), run(model, x)) > 0.05
    solved, _ = compress.compact(without(graph, unit), "reconstruction")
    assert distance(run(solved, x), run(model, x)) < 0.02  # the ridge costs something
    monkeypatch.setattr(reconstructor, "held_out_ridge", lambda *_: 1e-9)
    exact, _ = Compressor(model, graph, [x]).compact(without(graph, unit), "reconstruction")
    assert distance(run(exact, x), run(model, x)) < 1e-3
    assert distance(run(exact, images(kind, seed=7)), run(model, images(kind, seed=7))) < 1e-3


def test_dead_channels_leave_no_nan() -> None:
    model = Plain()
    randomise(model)
    with torch.no_grad():
        model.bn1.weight[:3] = 0.0
        model.bn1.bias[:3] = -1.0  # never active
        model.bn2.weight.zero_()
        model.bn2.bias.fill_(-1.0)
    x = images("plain")
    compress = Compressor(model, analyse(model, x), [x])
    network, _ = compress.compact(without(compress.graph, 0, 4, 8, 9), "both")
    assert torch.isfinite(run(network, x)[0]).all()
    assert all(0.0 <= error <= 1.0 for error in compress.reconstruction_errors(without(compress.graph, 0, 4)).values())


def test_a_constant_that_a_channel_added_goes_into_the_bias() -> None:
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 4, 1)
    model = nn.Sequential(first, nn.ReLU(), second)
    with torch.no_grad():
        first.weight[2] = 0.0
        first.bias[2] = 3.0  # type: ignore[index]  # always 3, whatever the image
    x = images("plain")
    network, _ = Compressor(model, analyse(model, x), [x]).compact(without(analyse(model, x), 2), "both")
    assert distance(run(network, x), run(model, x)) < 0.02
    moved = network.get_parameter("2.bias") - model.get_parameter("2.bias")
    torch.testing.assert_close(moved, 3 * second.weight[:, 2, 0, 0], rtol=0.1, atol=0.05)


def test_new_statistics_are_those_of_the_compact_network() -> None:
    compress = compressor("plain")
    network, _ = compress.compact(compress.mask(compress.graph.least), "statistics")
    x = torch.cat([images("plain", 16), images("plain", 8, seed=1)])
    with torch.no_grad():
        first = nn.functional.conv2d(x, network.get_parameter("conv1.weight"), padding=1)
    torch.testing.assert_close(network.get_buffer("bn1.running_mean"), first.mean((0, 2, 3)), rtol=1e-4, atol=1e-4)


def test_units_are_kept_by_their_importance() -> None:
    compress = compressor("plain")
    kept_counts = compress.graph.least
    mask = compress.mask(kept_counts)
    for group, keep in zip(compress.graph.groups, kept_counts, strict=True):
        importance, kept = compress.importance[group.slice], mask[group.slice]
        assert kept.sum() == keep
        assert importance[kept].min() > importance[~kept].max()


def test_reconstruction_errors_are_of_the_consumers_that_lost_something() -> None:
    compress = compressor("projection")
    graph = compress.graph
    cut = without(graph, *range(graph.groups[1].first_unit, graph.groups[1].first_unit + 5))
    errors = compress.reconstruction_errors(cut)
    assert set(errors) == {"conv2.0.weight"}
    assert 0 < errors["conv2.0.weight"] < 1
    assert compress.reconstruction_errors(without(graph)) == {}
    fewer = compress.reconstruction_errors(without(graph, graph.groups[1].first_unit))
    assert fewer["conv2.0.weight"] < errors["conv2.0.weight"]


def test_closed_form_statistics_are_those_of_a_pass_where_nothing_before_is_cut() -> None:
    model, x = randomise(Plain()), images("plain", 64)
    reestimate(model, [x])
    graph = analyse(model, x)
    compress = Compressor(model, graph, [x])
    mask = without(graph, *range(graph.groups[0].first_unit, graph.groups[0].first_unit + 4))
    closed, _ = compress.compact(mask, "closed_form")
    measured, _ = compress.compact(mask, "both")
    assert not torch.equal(closed.get_buffer("bn2.running_mean"), compress.model.get_buffer("bn2.running_mean"))
    for name, buffer in measured.named_buffers():
        if name.startswith("bn2") and buffer.ndim:
            torch.testing.assert_close(closed.get_buffer(name), buffer, rtol=5e-3, atol=2e-3)
    for name, parameter in measured.named_parameters():
        assert torch.equal(closed.get_parameter(name), parameter)


class Placed(nn.Module):
    """Its first layer reads one row for all images, without memory for each of them."""

    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("places", torch.linspace(-1, 1, 16).reshape(1, 16, 1))
        self.of_place, self.enter = nn.Linear(1, 6), nn.Conv2d(3, 6, 1)
        self.deep, self.leave = nn.Linear(6, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        places = self.of_place(self.places.expand(len(x), -1, -1))
        rows = self.enter(x).flatten(2).transpose(1, 2) + places
        out: Tensor = self.leave(self.deep(rows).relu().mean(1))
        return out


@pytest.mark.parametrize("recovery", ["both", "asymmetric"])
def test_a_network_that_is_not_trained_is_recovered_as_one_that_is(recovery: str) -> None:
    torch.manual_seed(0)
    model, images = Placed().eval(), torch.randn(64, 3, 4, 4)
    found = []
    for trained in (True, False):
        model.requires_grad_(trained)
        graph = analyse(model, images[:1])
        compressor = Compressor(model, graph, [images])
        network, _ = compressor.compact(compressor.mask(graph.least), recovery)
        assert all(parameter.requires_grad == trained for parameter in network.parameters())
        found.append(network(images))
    torch.testing.assert_close(*found)
