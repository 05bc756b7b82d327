"""Attention, however it is written: heads, the width of keys and the stream are cut, and the network computes the same.

The reference is `tests.oracles.run_ignoring`: the original whose layers and products ignore what is cut.
"""

import functools
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.artifacts.portable import FORMATS, write_portable
from amc.artifacts.selection import StoredSelection
from amc.cost.costs import macs, params
from amc.graph import PruningGraph
from amc.graph.operators import RULES
from amc.graph.operators.attention import scaled_dot_product
from amc.graph.structure import ATTENTION, statistic_name
from amc.graph.transform import compact_graph
from amc.pruning.slicing import compact, make_selection
from tests.attention import WRITTEN, Attention, VisionTransformer
from tests.oracles import counted_macs, counted_params, distance, random_mask, randomise, run, run_ignoring

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@functools.cache
def analysed(name: str) -> tuple[nn.Module, PruningGraph]:
    model = randomise(WRITTEN[name].build()).double()
    return model, analyse(model.float(), IMAGES.float())


@pytest.mark.parametrize("name", WRITTEN)
def test_heads_keys_and_the_stream_are_groups(name: str) -> None:
    _, graph = analysed(name)
    assert [(group.name, group.units) for group in graph.groups] == WRITTEN[name].groups
    assert [frozen.name for frozen in graph.frozen] == ["head"]


def test_products_of_attention_are_known_by_one_name_on_all_devices() -> None:
    names = {statistic_name(name) for name, rule in RULES.items() if rule is scaled_dot_product}
    assert names == {ATTENTION}
    fused = [name for name in WRITTEN if ATTENTION in {each.operator for each in analysed(name)[1].statistics}]
    assert fused
    assert statistic_name("bmm") == "bmm"


@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=8, derandomize=True, deadline=None)
@given(data=st.data())
def test_whatever_is_cut_the_rest_computes_what_it_did(name: str, data: st.DataObject) -> None:
    model, graph = analysed(name)
    model = model.double()
    kept_counts = np.array([data.draw(st.integers(1, group.units)) for group in graph.groups])
    mask = random_mask(graph, kept_counts, data.draw(st.integers(0, 99)))
    small = compact(model, make_selection(graph, model, mask))
    assert distance(run(small, IMAGES), run_ignoring(model, graph, mask, IMAGES)) < 1e-9
    assert counted_macs(small, IMAGES) == macs(graph)(kept_counts)
    assert counted_params(small) == params(graph)(kept_counts)


def attention_by_hand(block: Attention, x: Tensor, heads: list[int], keys: list[int]) -> Tensor:
    """The attention of some heads with some channels of each, head by head, by weights of the original."""
    weight, bias = (
        each.unflatten(0, (3, block.num_heads, block.head_dim)) for each in (block.qkv.weight, block.qkv.bias)
    )
    out = block.proj.bias.expand(*x.shape[:2], -1)
    for head in heads:
        q, k, v = (x @ weight[part, head][keys].T + bias[part, head][keys] for part in range(3))
        mixed = (q @ k.transpose(1, 2) / block.head_dim**0.5).softmax(-1) @ v
        out = out + mixed @ block.proj.weight.unflatten(1, (block.num_heads, -1))[:, head][:, keys].T
    return out


@pytest.mark.parametrize("is_fused", [True, False])
def test_a_cut_block_computes_attention_of_what_is_left(is_fused: bool) -> None:
    model = randomise(VisionTransformer(lambda: Attention(12, 3, 5, is_fused))).double()
    graph = analyse(model.float(), IMAGES.float())
    model = model.double()
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    heads, keys = (group for group in graph.groups if group.name.startswith("blocks.0.attention.qkv"))
    mask[heads.slice] = [True, False, True]
    mask[keys.slice] = [False, True, True, False, True]
    small = compact(model, make_selection(graph, model, mask))
    left, whole = small.get_submodule("blocks.0.attention"), model.get_submodule("blocks.0.attention")
    assert isinstance(left, Attention)
    assert isinstance(whole, Attention)
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(left(x), attention_by_hand(whole, x, [0, 2], [1, 2, 4]), atol=1e-12)
    assert (left.num_heads, left.head_dim, left.attn_dim) == (2, 3, 6)


@pytest.mark.parametrize("name", ["fused", "windows", "torch"])
def test_what_is_stored_makes_the_network_again(name: str) -> None:
    model, graph = analysed(name)
    selection = make_selection(graph, model, random_mask(graph, graph.least, 0))
    small = compact(model, selection)
    again = compact(WRITTEN[name].build().to(IMAGES.dtype), StoredSelection.of(selection).selection)
    again.load_state_dict(small.state_dict())
    assert distance(run(again.eval().double(), IMAGES), run(small.double(), IMAGES)) == 0


@pytest.mark.parametrize("name", ["fused", "unfused", "of the stream", "torch"])
def test_cutting_twice_is_cutting_once(name: str) -> None:
    model, graph = analysed(name)
    model = model.double()
    first = random_mask(graph, np.array([group.choices[-2] for group in graph.groups]), 1)
    small, left = compact(model, make_selection(graph, model, first)), compact_graph(graph, first)
    second = random_mask(left, left.least, 2)
    both = first.copy()
    both[first] = second
    twice = compact(small, make_selection(left, small, second))
    assert distance(run(twice, IMAGES), run(compact(model, make_selection(graph, model, both)), IMAGES)) < 1e-12


@pytest.mark.parametrize("kind", FORMATS)
def test_a_cut_transformer_is_exported(kind: str, tmp_path: Any) -> None:
    model, graph = analysed("fused")
    small = compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0))).float()
    assert write_portable(FORMATS[kind], small, IMAGES.float(), tmp_path / "network") < 1e-4


class Rotated(Attention):
    """Pairs of channels of queries and keys are rotated by the place, so that none of them can go alone."""

    def forward(self, x: Tensor) -> Tensor:
        batch, places, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, places, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        angle = torch.linspace(0, 1, places, dtype=x.dtype)[:, None]
        q, k = (
            torch.cat([each[..., ::2] * angle.cos() - each[..., 1::2] * angle.sin(), each[..., 1::2]], -1)
            for each in (q, k)
        )
        x = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(x.transpose(1, 2).reshape(batch, places, self.attn_dim))
        return out


def test_where_channels_of_keys_belong_together_heads_alone_are_cut() -> None:
    model = randomise(VisionTransformer(lambda: Rotated(12, 3, 4, is_fused=True)))
    graph = analyse(model, IMAGES.float())
    heads = [(group.name, group.units) for group in graph.groups if "attention" in group.name]
    assert heads == [("blocks.0.attention.qkv", 3), ("blocks.1.attention.qkv", 3)]
    reasons = {frozen.name: frozen.reason for frozen in graph.frozen}
    assert reasons["blocks.0.attention.qkv"].startswith("channels taken by a fixed position: aten.slice")


class Literal(nn.Module):
    """The number of heads is written into the code."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(12, 36), nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, 4, -1).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(x.transpose(1, 2).flatten(2))
        return out


def test_heads_whose_number_is_in_the_code_are_frozen_and_keys_are_not() -> None:
    graph = analyse(randomise(VisionTransformer(Literal)), IMAGES.float())
    assert [(group.name, group.units) for group in graph.groups if "attention" in group.name] == [
        ("blocks.0.attention.qkv#2", 3),
        ("blocks.1.attention.qkv#2", 3),
    ]
    assert any(frozen.reason.startswith("self-check") for frozen in graph.frozen)


class Particular(nn.Module):
    """It asks for shapes of PyTorch's own class."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = WRITTEN["fused"].attention()

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(x.shape, torch.Size):
            raise TypeError("no shape")
        out: Tensor = self.attention(x)
        return out


def test_a_network_that_insists_on_its_shapes_is_analysed_all_the_same() -> None:
    graph = analyse(randomise(VisionTransformer(Particular)), IMAGES.float())
    assert ("blocks.0.fc1", 12) in [(group.name, group.units) for group in graph.groups]
