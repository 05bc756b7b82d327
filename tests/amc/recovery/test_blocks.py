"""Blocks are found where one tensor holds everything, and put together they are the network."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.graph import PruningGraph
from amc.graph.group_patterns import choose_groups
from amc.pruning.masked_network import masked_consumers
from amc.pruning.slicing import UnitMask, compact, make_selection
from amc.recovery.blocks import Blocks, Pieces, find_blocks
from amc.replay.operator_trace import NoProgramError
from tests.architectures import PRUNABLE
from tests.oracles import prepared, random_mask

WITHOUT = {
    "two_outputs": "more than one tensor",
    "volume": "does not follow from its arguments",
}
"""Networks that are not run block by block, and why."""
LAYERS_OF_BLOCKS = {
    "plain": ["conv1", "conv2", "fc"],
    "flattened": ["conv1", "conv2", "fc1", "fc2"],
    "projection": ["stem", "conv1 conv2 shortcut", "conv3 conv4", "fc"],
    "depthwise": ["stem", "dw1", "pw1", "dw2", "pw2", "fc"],
    "dense": ["stem", "bn1 conv1", "bn2 conv2 bn3", "fc"],
    "inverted": ["stem", "expand dw project", "head", "fc"],
}
"""By hand: the layers between places that no shortcut passes by."""


def half(graph: PruningGraph, seed: int = 0) -> UnitMask:
    return random_mask(graph, np.maximum(graph.full // 2, graph.least), seed)


def blocks_of(name: str) -> tuple[Blocks, nn.Module, nn.Module, PruningGraph, UnitMask, Tensor]:
    model, graph = prepared(name)
    mask, x = half(graph), PRUNABLE[name].example(3)
    network = compact(model, make_selection(graph, model, mask)).eval()
    return find_blocks((model, network), graph, mask, x, None), model, network, graph, mask, x


def tensors_between(blocks: Blocks, pieces: Pieces, x: Tensor) -> list[Tensor]:
    found = []
    with torch.no_grad():
        for span in blocks.spans:
            x = pieces.run(x.clone(), *span)
            found.append(x.clone())
    return found


@pytest.mark.parametrize("name", PRUNABLE)
def test_blocks_put_together_are_the_network(name: str) -> None:
    if name in WITHOUT:
        with pytest.raises(NoProgramError, match=WITHOUT[name]):
            blocks_of(name)
        return
    blocks, model, network, graph, mask, x = blocks_of(name)
    with torch.no_grad():
        torch.testing.assert_close(tensors_between(blocks, blocks.compact, x)[-1], network(x), rtol=1e-3, atol=1e-4)
    if graph.statistics:
        return
    with masked_consumers(model, graph, mask):  # the original computes with the channels that are left only
        originals = tensors_between(blocks, blocks.original, x)[:-1]
    compacts = tensors_between(blocks, blocks.compact, x)[:-1]
    for boundary, original, found in zip(blocks.boundaries, originals, compacts, strict=True):
        torch.testing.assert_close(boundary.kept(original, mask), found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS_OF_BLOCKS)
def test_blocks_lie_between_places_that_nothing_passes_by(name: str) -> None:
    blocks, model, *_ = blocks_of(name)
    found = [dict.fromkeys(each.split(".")[0] for each in names) for names in blocks.names]
    named = dict.fromkeys(each.split(".")[0] for each, _ in model.named_parameters())
    expected = [set(layers.split()) for layers in LAYERS_OF_BLOCKS[name]]
    layers = set().union(*expected)
    assert layers <= named.keys()
    assert [each.keys() & layers for each in found] == expected


@pytest.mark.parametrize("name", LAYERS_OF_BLOCKS)
def test_blocks_are_the_same_where_groups_are_frozen(name: str) -> None:
    model, graph = prepared(name)
    x = PRUNABLE[name].example(3)
    for frozen in graph.groups:
        left = choose_groups(graph, [frozen.name], ())
        mask = half(left)
        cut = np.ones(graph.unit_count, dtype=bool)
        cut[np.r_[: frozen.first_unit, frozen.first_unit + frozen.units : graph.unit_count]] = mask
        network = compact(model, make_selection(left, model, mask)).eval()
        found = find_blocks((model, network), left, mask, x, None)
        expected = find_blocks((model, network), graph, cut, x, None)
        assert [each.place for each in found.boundaries] == [each.place for each in expected.boundaries]
        for ours, wanted, made in zip(
            found.boundaries, expected.boundaries, tensors_between(found, found.original, x), strict=False
        ):
            assert torch.equal(ours.kept(made, mask), wanted.kept(made, cut))


def test_a_weight_of_two_blocks_is_of_neither() -> None:
    blocks, _, network, *_ = blocks_of("shared")
    owned = [name for names in blocks.names for name in names]
    assert len(owned) == len(set(owned)) < len([*network.parameters(), *network.buffers()])
