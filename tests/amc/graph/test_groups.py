"""Groups listed by hand: name, channels, units, who produces them and who reads them."""

import numpy as np
import pytest

from amc.analysis.analyse import analyse
from amc.graph import Axis, PruningGraph, trace_graph
from tests.architectures import PRUNABLE, Dense, Plain
from tests.oracles import prepared

Row = tuple[str, int, int, str, str]


def inner(*blocks: str, width: int) -> list[Row]:
    return [(f"{block}.conv1", width, width, f"{block}.conv1", f"{block}.conv2") for block in blocks]


ATTENTION = "encoder.self_attn.in_proj_weight encoder.self_attn.out_proj"
GROUPS: dict[str, list[Row]] = {
    "plain": [("conv1", 8, 8, "conv1", "conv2"), ("conv2", 12, 12, "conv2", "fc")],
    "flattened": [("conv1", 6, 6, "conv1", "conv2"), ("conv2", 8, 8, "conv2", "fc1"), ("fc1", 10, 10, "fc1", "fc2")],
    "projection": [
        ("stem.0", 6, 6, "stem.0", "conv1.0 shortcut.0"),
        ("conv1.0", 8, 8, "conv1.0", "conv2.0"),
        ("conv2.0", 10, 10, "conv2.0 shortcut.0 conv4.0", "conv3.0 fc"),
        ("conv3.0", 7, 7, "conv3.0", "conv4.0"),
    ],
    "padded": [
        *inner("layer1.0", width=16),
        *inner("layer2.0", width=32),
        *inner("layer3.0", width=64),
    ],
    "resnet20": [
        *inner("layer1.0", "layer1.1", "layer1.2", width=16),
        *inner("layer2.0", "layer2.1", "layer2.2", width=32),
        *inner("layer3.0", "layer3.1", "layer3.2", width=64),
    ],
    "depthwise": [
        ("stem.0", 6, 6, "stem.0 dw1.0", "pw1.0"),
        ("pw1.0", 8, 8, "pw1.0 dw2.0", "pw2.0"),
        ("pw2.0", 10, 10, "pw2.0", "fc"),
    ],
    "inverted": [
        ("stem.0", 6, 6, "stem.0 project.0", "expand.0 head.0"),
        ("expand.0", 12, 12, "expand.0 dw.0", "project.0"),
        ("head.0", 10, 10, "head.0", "fc"),
    ],
    "grouped_narrow": [
        ("stem.0", 6, 6, "stem.0 expand.0", "reduce.0 fc"),
        ("reduce.0", 16, 8, "reduce.0 grouped.0", "expand.0"),
    ],
    "grouped_wide": [
        ("stem.0", 6, 6, "stem.0 expand.0", "reduce.0 fc"),
        ("reduce.0", 16, 8, "reduce.0", "grouped.0"),
        ("grouped.0", 16, 8, "grouped.0", "expand.0"),
    ],
    "dense": [
        ("stem", 6, 6, "stem", "conv1 conv2 fc"),
        ("conv1", 4, 4, "conv1", "conv2 fc"),
        ("conv2", 4, 4, "conv2", "fc"),
    ],
    "inception": [
        ("stem.0", 6, 6, "stem.0", "one.0 three.0 pooled.0"),
        ("one.0", 4, 4, "one.0", "mix.0"),
        ("three.0", 8, 8, "three.0", "mix.0"),
        ("pooled.0", 5, 5, "pooled.0", "mix.0"),
        ("mix.0", 7, 7, "mix.0", "fc"),
    ],
    "squeeze_excite": [("stem.0", 8, 8, "stem.0 excite", "squeeze fc"), ("squeeze", 4, 4, "squeeze", "excite")],
    "shared": [("stem", 8, 8, "stem shared shared", "shared shared last"), ("last", 6, 6, "last", "fc")],
    "tied_weights": [("stem", 8, 8, "stem code", "code out"), ("code", 6, 6, "code", "code")],
    "functional": [("first", 8, 8, "first", "second"), ("second", 6, 6, "second", "head")],
    "espnet": [
        ("stem.0", 12, 4, "stem.0 branches.0 branches.1 branches.2", "reduce up"),
        ("reduce", 4, 4, "reduce", "branches.0 branches.1 branches.2"),
        ("up", 4, 4, "up", "out"),
    ],
    "interleaved": [
        ("stem.0", 16, 8, "stem.0", "first"),
        ("first", 16, 8, "first second", "fc"),
    ],
    "shuffle_v1": [
        ("stem.0", 12, 6, "stem.0 expand.0", "reduce.0 fc"),
        ("reduce.0", 8, 2, "reduce.0 dw.0", "expand.0"),
    ],
    "volume": [("conv1", 8, 8, "conv1", "conv2"), ("conv2", 6, 6, "conv2", "fc")],
    "unet": [
        ("enter.0.0", 6, 6, "enter.0.0", "down.0.0 join.0.0"),
        ("down.0.0", 8, 8, "down.0.0", "up"),
        ("up", 5, 5, "up", "join.0.0"),
        ("join.0.0", 7, 7, "join.0.0", "out"),
    ],
    "signal": [("conv1", 8, 8, "conv1", "conv2"), ("conv2", 6, 6, "conv2", "fc")],
    "convnext": [("stem", 6, 6, "stem dw fc2", "fc1 head"), ("fc1", 12, 12, "fc1", "fc2")],
    "transformer": [
        *(
            (name, 8, units, f"patches {ATTENTION} encoder.linear2", f"{ATTENTION} encoder.linear1 head")
            for name, units in (("patches", 2), ("patches#2", 4))
        ),
        ("encoder.linear1", 12, 12, "encoder.linear1", "encoder.linear2"),
    ],
    "positions": [("fc1", 6, 6, "fc1", "fc2"), ("fc2", 8, 8, "fc2 conv", "head")],
    "two_outputs": [("conv1.0", 8, 8, "conv1.0", "conv2.0"), ("conv3.0", 7, 7, "conv3.0", "fc")],
}


def names(graph: PruningGraph, indices: tuple[int, ...]) -> str:
    return " ".join(graph.layers[index].name for index in indices)


@pytest.mark.parametrize("name", PRUNABLE)
def test_groups_are_those_listed_by_hand(name: str) -> None:
    _, graph = prepared(name)
    found = [
        (group.name, group.width, group.units, names(graph, group.producers), names(graph, group.consumers))
        for group in graph.groups
    ]
    assert found == GROUPS[name]


@pytest.mark.parametrize("name", PRUNABLE)
def test_groups_number_their_units_one_after_the_other(name: str) -> None:
    _, graph = prepared(name)
    numbers = [range(graph.unit_count)[group.slice] for group in graph.groups]
    assert [number for each in numbers for number in each] == list(range(graph.unit_count))
    assert [group.index for group in graph.groups] == list(range(len(graph.groups)))
    assert graph.full.tolist() == [group.units for group in graph.groups]
    assert graph.least.tolist() == [group.choices[0] for group in graph.groups]
    assert all(group.width == group.units * group.channels_per_unit for group in graph.groups)


def axis(graph: PruningGraph, tensor: str, dimension: int) -> list[int]:
    return graph.tensors[tensor][dimension].units.tolist()


def test_a_flattened_channel_is_a_run_of_inputs() -> None:
    _, graph = prepared("flattened")
    second = graph.groups[1]
    assert axis(graph, "fc1.weight", 1) == np.repeat(np.arange(6, 14), 4).tolist()
    assert axis(graph, "conv2.bias", 0) == list(range(6, 14)) == list(range(14))[second.slice]


def test_concatenated_channels_keep_their_order() -> None:
    _, graph = prepared("dense")
    assert axis(graph, "bn3.running_var", 0) == axis(graph, "fc.weight", 1) == list(range(14))
    assert axis(graph, "bn2.weight", 0) == list(range(10))
    assert axis(graph, "conv2.weight", 1) == list(range(10))
    assert axis(graph, "conv2.weight", 0) == list(range(10, 14))


def test_few_wide_groups_lose_the_same_number_each() -> None:
    _, graph = prepared("grouped_wide")
    first, second = list(range(6, 14)), list(range(14, 22))
    assert axis(graph, "reduce.0.weight", 0) == first + first
    assert axis(graph, "grouped.0.weight", 0) == second + second
    assert axis(graph, "grouped.0.weight", 1) == first
    assert axis(graph, "expand.0.weight", 1) == second + second


def test_many_narrow_groups_go_as_a_whole() -> None:
    _, graph = prepared("grouped_narrow")
    pairs = np.repeat(np.arange(6, 14), 2).tolist()
    assert axis(graph, "reduce.0.weight", 0) == axis(graph, "grouped.0.weight", 0) == pairs
    assert set(graph.tensors["grouped.0.weight"]) == {0}


def test_a_depthwise_convolution_with_two_outputs_for_each_input() -> None:
    _, graph = prepared("depthwise")
    assert axis(graph, "dw2.0.weight", 0) == np.repeat(np.arange(6, 14), 2).tolist()
    assert graph.groups[1].channels_per_unit == 1  # of its first producer


def test_a_transposed_convolution_stores_its_outputs_second() -> None:
    _, graph = prepared("unet")
    assert (axis(graph, "up.weight", 0), axis(graph, "up.weight", 1)) == (list(range(6, 14)), list(range(14, 19)))
    assert axis(graph, "join.0.0.weight", 1) == list(range(14, 19)) + list(range(6))


@pytest.mark.parametrize("name", PRUNABLE)
def test_every_other_producer_is_listed_as_frozen(name: str) -> None:
    _, graph = prepared(name)
    ours = {graph.layers[i].name for group in graph.groups for i in group.producers}
    listed = {frozen.name for frozen in graph.frozen}
    assert not ours & listed
    assert all(frozen.reason for frozen in graph.frozen)
    assert listed <= {layer.name for layer in graph.layers}


def test_batch_norms_are_noted_with_the_convolution_they_alone_read() -> None:
    _, graph = prepared("dense")  # there a norm reads the convolution's output, but so does a concatenation
    assert {layer.name: layer.norm for layer in graph.layers} == dict.fromkeys(("stem", "conv1", "conv2", "fc"))
    _, graph = prepared("plain")
    assert {layer.name: layer.norm for layer in graph.layers} == {"conv1": "bn1", "conv2": "bn2", "fc": None}


def test_positions_kernels_and_strides_are_those_of_the_calls() -> None:
    _, graph = prepared("unet")
    found = {layer.name: (layer.input_size, layer.kernel, layer.stride, layer.positions) for layer in graph.layers}
    assert found["down.0.0"] == ((8, 8), (3, 3), (2, 2), 16)
    assert found["up"] == ((4, 4), (2, 2), (2, 2), 16)  # a transposed convolution works at its inputs' positions
    assert found["join.0.0"] == ((8, 8), (3, 3), (1, 1), 64)


@pytest.mark.parametrize("name", ["transformer", "positions", "flattened"])
def test_the_batch_size_of_the_example_does_not_matter(name: str) -> None:
    model, graph = prepared(name)
    for batch in (1, 5):
        other = analyse(model, PRUNABLE[name].example(batch))
        assert other.fingerprint == graph.fingerprint
        assert [layer.macs for layer in other.layers] == [layer.macs for layer in graph.layers]


def test_the_fingerprint_tells_architectures_apart_and_nothing_else() -> None:
    example = PRUNABLE["plain"].example()
    same = [analyse(Plain(), example).fingerprint for _ in range(2)]
    assert same[0] == same[1]
    others = [analyse(model, example).fingerprint for model in (Plain(9), Plain(8, 11), Dense())]
    assert len({same[0], *others}) == 4


def test_an_unchecked_analysis_of_a_sound_network_is_the_same() -> None:
    model, graph = prepared("projection")
    assert trace_graph(model, PRUNABLE["projection"].example()).fingerprint == graph.fingerprint


def test_an_axis_keeps_what_belongs_to_no_group() -> None:
    mask = np.array([True, False, True])
    assert Axis(np.array([0, -1, 1, 2, 1])).kept(mask).tolist() == [0, 1, 3]
    assert not Axis(np.array([-1, -1])).is_cuttable
