import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from amc.analysis.analyse import analyse
from amc.graph import KeptCounts, PruningGraph
from amc.pruning.slicing import choose_units, compact, make_selection, set_attributes
from amc.utils.errors import UserError
from tests.architectures import PRUNABLE
from tests.oracles import distance, prepared, random_mask, run, run_ignoring, snapshot

few = settings(max_examples=8, derandomize=True, deadline=None)


def some_kept_counts(data: st.DataObject, graph: PruningGraph) -> KeptCounts:
    return np.array([data.draw(st.sampled_from(group.choices), group.name) for group in graph.groups])


@few
@given(data=st.data(), seed=st.integers(0, 1000))
@pytest.mark.parametrize("name", PRUNABLE)
def test_a_compact_network_computes_what_is_left_when_consumers_ignore_the_rest(
    name: str, data: st.DataObject, seed: int
) -> None:
    model, graph = prepared(name)
    x = PRUNABLE[name].example()
    mask = random_mask(graph, some_kept_counts(data, graph), seed)
    smaller = run(compact(model, make_selection(graph, model, mask)), x)
    assert distance(smaller, run_ignoring(model, graph, mask, x)) < 1e-4


@pytest.mark.parametrize("name", PRUNABLE)
def test_what_is_cut_mattered(name: str) -> None:
    model, graph = prepared(name)
    x = PRUNABLE[name].example()
    for group in graph.groups:
        kept_counts = graph.full
        kept_counts[group.index] = group.choices[0]
        assert distance(run_ignoring(model, graph, random_mask(graph, kept_counts, 0), x), run(model, x)) > 1e-3


@pytest.mark.parametrize("name", PRUNABLE)
def test_a_compact_network_can_be_pruned_again(name: str) -> None:
    model, graph = prepared(name)
    x = PRUNABLE[name].example()
    halves = np.array([group.choices[len(group.choices) // 2] for group in graph.groups])
    once = compact(model, make_selection(graph, model, random_mask(graph, halves, 1)))
    again = analyse(once, x)
    assert [group.name for group in again.groups] == [group.name for group in graph.groups]
    mask = random_mask(again, again.least, 2)
    twice = compact(once, make_selection(again, once, mask))
    assert distance(run(twice, x), run_ignoring(once, again, mask, x)) < 1e-4
    assert len(twice.state_dict()) == len(model.state_dict())


@pytest.mark.parametrize("name", PRUNABLE)
def test_the_callers_network_is_untouched_and_shares_nothing_with_the_compact_one(name: str) -> None:
    torch.manual_seed(0)
    model = PRUNABLE[name].build().train()
    next(model.children(), model).eval()  # training flags are mixed
    next(model.parameters()).requires_grad_(False)
    before = snapshot(model)
    graph = analyse(model, PRUNABLE[name].example())
    small = compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0)))
    with torch.no_grad():
        for tensor in small.state_dict().values():
            tensor.zero_()
    assert snapshot(model) == before


def test_parameters_stay_as_trainable_as_they_were() -> None:
    model, graph = prepared("plain")
    names = [name for name, _ in model.named_parameters()]
    frozen = compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0)))
    assert all(parameter.requires_grad for parameter in frozen.parameters())
    model.get_parameter(names[0]).requires_grad_(False)
    try:
        frozen = compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0)))
    finally:
        model.get_parameter(names[0]).requires_grad_(True)
    assert [p.requires_grad for p in frozen.parameters()] == [False] + [True] * (len(names) - 1)


def test_the_most_important_units_stay_and_of_equal_ones_the_first() -> None:
    _, graph = prepared("plain")  # groups of 8 and 12
    importance = np.array([3, 1, 4, 1, 5, 9, 2, 6] + [1.0] * 12)
    mask = choose_units(graph, importance, np.array([4, 5]))
    assert np.flatnonzero(mask).tolist() == [2, 4, 5, 7] + [8, 9, 10, 11, 12]


def test_a_group_that_would_vanish_is_an_error() -> None:
    model, graph = prepared("plain")
    mask = np.ones(graph.unit_count, dtype=np.bool_)
    mask[graph.groups[1].slice] = False
    with pytest.raises(ValueError, match="group conv2 keeps none of its 12 units"):
        make_selection(graph, model, mask)


def test_given_weights_are_sliced_unless_they_have_their_final_size() -> None:
    model, graph = prepared("plain")
    mask = choose_units(graph, np.arange(20.0), np.array([3, 4]))  # conv1 keeps 5 to 7, conv2 keeps 8 to 11
    solved, bias = torch.rand(12, 3, 3, 3), torch.rand(5)
    small = compact(model, make_selection(graph, model, mask), {"conv2.weight": solved, "fc.bias": bias})
    assert torch.equal(small.get_parameter("conv2.weight"), solved[8:])
    assert torch.equal(small.get_parameter("fc.bias"), bias)
    assert torch.equal(small.get_parameter("conv1.weight"), model.get_parameter("conv1.weight")[5:])


def test_attributes_of_a_module_that_is_not_there_are_a_users_mistake() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    with pytest.raises(UserError, match=r"changes module 'features\.0', which this model does not have"):
        set_attributes(model, {"features.0": {"out_channels": 2}})
