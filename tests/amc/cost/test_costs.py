import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.cost.costs import COSTS, PeakMemory, cost_of_each, macs, memory, params
from amc.graph import trace_graph
from amc.pruning.slicing import compact, make_selection
from tests.architectures import PRUNABLE
from tests.oracles import counted_macs, counted_params, prepared, random_mask


@settings(max_examples=8, derandomize=True, deadline=None)
@given(data=st.data(), seed=st.integers(0, 1000))
@pytest.mark.parametrize("name", PRUNABLE)
def test_costs_are_those_counted_on_the_compact_network(name: str, data: st.DataObject, seed: int) -> None:
    model, graph = prepared(name)
    kept_counts = np.array([data.draw(st.sampled_from(group.choices), group.name) for group in graph.groups])
    small = compact(model, make_selection(graph, model, random_mask(graph, kept_counts, seed)))
    assert macs(graph)(kept_counts) == counted_macs(small, PRUNABLE[name].example())
    assert params(graph)(kept_counts) == counted_params(small)


@pytest.mark.parametrize("name", PRUNABLE)
def test_the_memory_of_many_networks_is_found_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, graph = prepared(name)
    cost, rng = memory(graph), np.random.default_rng(0)
    rows = np.array([[rng.choice(group.choices) for group in graph.groups] for _ in range(6)])
    expected = []
    for row in rows:
        sizes = cost.activations.terms(row)
        held = (sizes[(cost.made <= at) & (cost.last >= at)].sum() for at in range(cost.last.max() + 1))
        expected.append(cost.weights(row) + max(held))
    assert [cost(row) for row in rows] == expected
    monkeypatch.delattr(PeakMemory, "__call__")  # a search asks for hundreds between two episodes
    assert cost_of_each(cost, rows.reshape(2, 3, -1)).tolist() == [expected[:3], expected[3:]]


@pytest.mark.parametrize("kind", COSTS)
@pytest.mark.parametrize("name", PRUNABLE)
def test_keeping_more_never_costs_less(name: str, kind: str) -> None:
    _, graph = prepared(name)
    cost, rng = COSTS[kind](graph), np.random.default_rng(0)
    for _ in range(10):
        kept_counts = np.array([rng.choice(group.choices[:-1]) for group in graph.groups])
        for index in range(len(kept_counts)):
            more = kept_counts + (np.arange(len(kept_counts)) == index)
            assert cost(more) > cost(kept_counts)


def test_macs_of_each_layer_by_hand() -> None:
    _, graph = prepared("plain")  # 3 -> conv1 -> conv2 (stride 2) -> 5 classes, 8 x 8 images
    assert [layer.name for layer in graph.layers] == ["conv1", "conv2", "fc"]
    expected = [64 * 9 * 3 * 5, 16 * 9 * 5 * 7, 7 * 5]
    assert macs(graph).terms(np.array([5, 7])).tolist() == expected
    assert macs(graph)(np.array([5, 7])) == sum(expected)


def test_params_by_hand() -> None:
    _, graph = prepared("plain")
    assert params(graph)(np.array([5, 7])) == 5 * 27 + 2 * 5 + 7 * 45 + 2 * 7 + 5 * 7 + 5


def test_memory_by_hand() -> None:
    """3 -> conv1 (5) -> conv2 (7, stride 2) -> 5 classes: the worst is what conv1 reads and writes, on 8 x 8 images."""
    _, graph = prepared("plain")
    kept_counts = np.array([5, 7])
    assert memory(graph)(kept_counts) == 4 * (params(graph)(kept_counts) + 64 * (3 + 5))


class Residual(nn.Module):
    """The shortcut is held while the branch is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner, self.outer = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 32, 1), nn.Conv2d(32, 16, 1)
        self.head = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        out: Tensor = self.head((x + self.outer(self.inner(x).relu())).mean((2, 3)))
        return out


def test_a_shortcut_is_held_while_its_branch_is_computed() -> None:
    graph = trace_graph(Residual(), torch.zeros(2, 3, 8, 8), round_to=1)
    assert [group.units for group in graph.groups] == [16, 32]
    for stream, inner in ((16, 32), (16, 8), (5, 9)):
        kept_counts = np.array([stream, inner])
        assert memory(graph)(kept_counts) == 4 * (params(graph)(kept_counts) + 64 * (2 * stream + inner))


class Windows(nn.Module):
    """Convolutions run within windows, which lie where images do."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.inner, self.leave = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x).relu()
        batch, channels = len(x), x.shape[1]
        x = x.reshape(batch, channels, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        out: Tensor = self.leave(self.inner(x).relu().mean((2, 3)).unflatten(0, (batch, 4)).mean(1))
        return out


@pytest.mark.parametrize("images", [1, 3])
def test_a_convolution_within_windows_costs_all_of_them(images: int) -> None:
    model, x = Windows(), torch.randn(images, 3, 8, 8)
    graph = trace_graph(model, x)
    assert macs(graph)(graph.full) == counted_macs(model, x)
