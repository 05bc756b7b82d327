"""The networks of the literature as the analysis sees them: what is frozen, and whether what is cut is right."""

import functools

import pytest
import torch
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.cost.costs import COSTS
from amc.graph import PruningGraph
from amc.networks.models import MODELS
from amc.pruning.slicing import compact, make_selection
from tests.memory import counted_memory
from tests.oracles import counted_macs, counted_params, distance, random_mask, randomise, run, run_ignoring

OUTPUT = "output of the network"
GROUPS = {
    "plain20": 19,
    "vgg16_bn_cifar": 14,
    "mobilenet_v1_cifar": 14,
    "mobilenet_v2_cifar": 25,
    "mobilenet_v2_x0_5_cifar": 25,
    "mobilenet_v1": 14,
    "shufflenet_v1": 1,
}
"""How many decisions there are in each."""


def images(name: str) -> Tensor:
    """Small ones where the network allows it."""
    size = 64 if name == "shufflenet_v1" else 32
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


@functools.cache
def analysed(name: str) -> tuple[nn.Module, PruningGraph]:
    torch.manual_seed(0)
    model = randomise(MODELS[name]())
    return model, analyse(model, images(name))


@pytest.mark.parametrize("name", GROUPS)
def test_a_compact_network_computes_what_is_left_and_costs_what_was_counted(name: str) -> None:
    model, graph = analysed(name)
    assert len(graph.groups) == GROUPS[name]
    mask = random_mask(graph, graph.least, 0)
    small = compact(model, make_selection(graph, model, mask))
    assert distance(run(small, images(name)), run_ignoring(model, graph, mask, images(name))) < 1e-4
    assert COSTS["macs"](graph)(graph.least) == counted_macs(small, images(name))
    assert COSTS["params"](graph)(graph.least) == counted_params(small)
    assert COSTS["memory"](graph)(graph.least) == counted_memory(small, images(name))


@pytest.mark.parametrize("name", sorted(set(GROUPS) - {"shufflenet_v1"}))
def test_only_the_outputs_are_frozen(name: str) -> None:
    _, graph = analysed(name)
    assert [frozen.reason for frozen in graph.frozen] == [OUTPUT]


def test_a_depthwise_convolution_follows_what_it_reads() -> None:
    _, graph = analysed("mobilenet_v1")
    for group in graph.groups[:-1]:
        pointwise, depthwise = (graph.layers[index] for index in group.producers)
        assert (pointwise.groups, depthwise.groups) == (1, group.width)


def test_the_shuffle_freezes_what_is_between_the_pointwise_convolutions_of_a_unit() -> None:
    _, graph = analysed("shufflenet_v1")  # groups before and after the shuffle tie all channels between them
    assert [frozen.name for frozen in graph.frozen] == [
        *(f"stages.{unit}.compress.0" for unit in range(16)),
        "classifier",
    ]


def test_all_stages_of_shufflenet_are_one_decision() -> None:
    _, graph = analysed("shufflenet_v1")  # additions tie the units of a stage, concatenations and groups the stages
    names = [graph.layers[index].name for index in graph.groups[0].producers]
    assert names == ["stem.0", *(f"stages.{unit}.expand.0" for unit in range(16))]
