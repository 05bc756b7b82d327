import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from amc.cost.costs import COSTS, Cost, macs, params
from amc.cost.group_shares import costs_of_groups
from amc.graph import PruningGraph
from tests.oracles import prepared

FEW_GROUPS = ("plain", "projection", "depthwise", "grouped_wide", "dense", "inception", "shared", "unet", "shuffle_v1")


def shapley(cost: Callable[[NDArray[np.int64]], float], graph: PruningGraph) -> list[float]:
    """What each group adds to the cost when groups come one after the other, on average over all orders."""
    added = np.zeros(len(graph.groups))
    for order in itertools.permutations(range(len(graph.groups))):
        kept_counts = np.zeros(len(graph.groups), dtype=np.int64)
        before = cost(kept_counts)
        for group in order:
            kept_counts[group] = graph.full[group]
            added[group] += cost(kept_counts) - before
            before = cost(kept_counts)
    return (added / math.factorial(len(graph.groups))).tolist()


@pytest.mark.parametrize("kind", ["macs", "params"])
@pytest.mark.parametrize("name", FEW_GROUPS)
def test_a_group_is_charged_what_it_adds_on_average(name: str, kind: str) -> None:
    _, graph = prepared(name)
    cost = COSTS[kind](graph)
    assert isinstance(cost, Cost)
    assert costs_of_groups(cost, graph.full).sum(axis=0).tolist() == pytest.approx(shapley(cost, graph))


@pytest.mark.parametrize("name", FEW_GROUPS)
def test_all_groups_and_what_no_group_cuts_are_the_whole_cost(name: str) -> None:
    _, graph = prepared(name)
    for cost in (macs(graph), params(graph)):
        nothing = cost.terms(np.zeros_like(graph.full))
        divided = costs_of_groups(cost, graph.full)
        assert (divided >= 0).all()
        assert (divided.sum(axis=1) + nothing).tolist() == pytest.approx(cost.terms(graph.full).tolist())


def test_macs_by_hand() -> None:
    _, graph = prepared("plain")  # 3 -> conv1 (8) -> conv2 (12, stride 2) -> 5 classes, 8 x 8 images
    first, between, last = 64 * 9 * 3 * 8, 16 * 9 * 8 * 12, 12 * 5
    assert costs_of_groups(macs(graph), graph.full).tolist() == [
        [first, 0],
        [between / 2, between / 2],
        [0, last],
    ]
