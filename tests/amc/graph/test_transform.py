import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from amc.analysis.analyse import analyse
from amc.cost.costs import COSTS
from amc.graph import PruningGraph
from amc.graph.transform import compact_graph
from amc.pruning.slicing import compact, make_selection
from tests.architectures import PRUNABLE
from tests.oracles import counted_macs, counted_params, random_mask, randomise


def some(graph: PruningGraph, seed: int) -> NDArray[np.bool_]:
    """Units that may be left."""
    rng = np.random.default_rng(seed)
    return random_mask(graph, np.array([rng.choice(group.choices) for group in graph.groups]), seed)


@pytest.mark.parametrize("name", PRUNABLE)
def test_cutting_twice_is_cutting_once(name: str) -> None:
    """The compact network of a compact network is that of the original with the units that are left after both."""
    model = PRUNABLE[name].build().eval()
    randomise(model)
    example = PRUNABLE[name].example()
    graph = analyse(model, example, round_to=1)
    first = some(graph, 0)
    network, left = compact(model, make_selection(graph, model, first)), compact_graph(graph, first)
    assert [group.name for group in left.groups] == [group.name for group in graph.groups]
    assert left.full.tolist() == [int(first[group.slice].sum()) for group in graph.groups]
    for before, after in zip(graph.groups, left.groups, strict=True):
        assert after.choices == tuple(choice for choice in before.choices if choice <= after.units)
        assert after.channels_per_unit == before.channels_per_unit
    assert COSTS["macs"](left)(left.full) == counted_macs(network, example)
    assert COSTS["params"](left)(left.full) == counted_params(network)
    for kind, make in COSTS.items():
        assert make(left)(left.least) == make(graph)(left.least), kind

    second = some(left, 1)
    both = np.zeros_like(first)
    both[np.flatnonzero(first)[second]] = True
    twice = compact(network, make_selection(left, network, second))
    once = compact(model, make_selection(graph, model, both))
    assert twice.state_dict().keys() == once.state_dict().keys()
    for key, value in twice.state_dict().items():  # queries are multiplied twice, or once by the product
        torch.testing.assert_close(value, once.state_dict()[key], rtol=1e-6, atol=0)
    with torch.no_grad():
        for ours, theirs in zip(
            *(torch.utils._pytree.tree_leaves(each(example)) for each in (twice, once)), strict=True
        ):
            torch.testing.assert_close(ours, theirs)
