"""A program computes what the networks do that it is of."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.graph import KeptCounts, PruningGraph
from amc.pruning.slicing import compact, make_selection
from amc.replay.operator_program import OperatorProgram
from amc.replay.operator_trace import NoProgramError, OperatorTrace
from amc.replay.trace_merging import merged_steps
from tests.architectures import PRUNABLE
from tests.oracles import prepared, random_mask

WITHOUT = {
    "two_outputs": "more than one tensor",
    "transformer": "an argument of aten.view.default follows from the widths",
    "volume": "_local_scalar_dense.default does not follow from its arguments",
}
"""Networks that have no program, and why."""


def compact_network(model: nn.Module, graph: PruningGraph, kept_counts: KeptCounts) -> nn.Module:
    return compact(model, make_selection(graph, model, random_mask(graph, kept_counts, 0)))


def general_program(model: nn.Module, graph: PruningGraph, x: Tensor) -> OperatorProgram:
    one, other = (
        OperatorTrace(compact_network(model, graph, kept_counts), x[:n])
        for n, kept_counts in ((2, graph.full), (3, graph.least))
    )
    return OperatorProgram(merged_steps(one, other), one.names, one.shapes, one.output)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", PRUNABLE)
def test_a_program_of_the_widest_and_the_narrowest_runs_all_between(name: str, layout: torch.memory_format) -> None:
    model, graph = prepared(name)
    x = PRUNABLE[name].example(3)
    if x.ndim == 4:
        x = x.contiguous(memory_format=layout)
    if name in WITHOUT:
        with pytest.raises(NoProgramError, match=WITHOUT[name]):
            general_program(model, graph, x)
        return
    program = general_program(model, graph, x)
    rng = np.random.default_rng(0)
    for _ in range(3):
        network = compact_network(model, graph, np.array([rng.choice(group.choices) for group in graph.groups]))
        bound = program.bind(network)
        for given in (x, -x[:2], torch.cat([x, -x])):
            with torch.inference_mode():
                assert torch.equal(bound(given), network(given))


def test_images_of_another_size_are_run_by_the_network() -> None:
    model, graph = prepared("projection")
    bound = general_program(model, graph, PRUNABLE["projection"].example(3)).bind(model)
    x = F.pad(PRUNABLE["projection"].example(2), (2, 2))
    with torch.no_grad():
        assert torch.equal(bound(x), model(x))


class Net(nn.Module):
    """A convolution, and what a test makes of it."""

    def __init__(self, then: Callable[[Tensor], Tensor], width: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 1)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.conv(x))


HIDDEN = torch.ones(1, 1, 1, 1)


@pytest.mark.parametrize(
    ("then", "message"),
    [
        (lambda x: x if x.sum() > 0 else -x, "_local_scalar_dense"),
        (lambda x: x + torch.rand_like(x), "rand_like"),
        (lambda x: x * HIDDEN, "neither a parameter nor a buffer"),
        (lambda x: x * x.shape[1], "follows from the widths"),
        (lambda x: x.reshape(x.shape[1], -1, x.shape[1]), "follows from the widths"),
        (lambda x: x if x.shape[1] > 3 else -x, "other operators"),
        (lambda x: x.split(x.shape[1] // 2 + 1, 1)[0], "other operators|follows from the widths"),
    ],
)
def test_what_a_program_cannot_hold_is_named(then: Callable[[Tensor], Tensor], message: str) -> None:
    x = torch.randn(6, 3, 4, 3)
    with pytest.raises(NoProgramError, match=message):
        merged_steps(OperatorTrace(Net(then, 4), x[:5]), OperatorTrace(Net(then, 2), x))


@pytest.mark.parametrize(
    "then",
    [
        lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
        lambda x: F.relu_(F.adaptive_avg_pool2d(x, 1)).flatten(1),
        lambda x: x.new_zeros(x.shape[0], 2, 1, 1) + x[:, :2],
    ],
)
def test_what_follows_from_the_widths_and_from_how_many_images_there_are(then: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(9, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    one, other = OperatorTrace(Net(then, 8), x[:2]), OperatorTrace(Net(then, 4), x[:3])
    program = OperatorProgram(merged_steps(one, other), one.names, one.shapes, one.output)
    network = Net(then, 6)
    with torch.inference_mode():
        assert torch.equal(program.bind(network)(x), network(x))


def test_tensors_are_freed_once_they_are_not_needed() -> None:
    x = torch.randn(2, 3, 4, 4)
    net = Net(lambda x: F.relu(F.relu(x) + 1) * 2)
    trace = OperatorTrace(net, x)
    program = OperatorProgram(trace.steps, trace.names, trace.shapes, trace.output)
    freed = sorted(slot for _, slots in program._steps for slot in slots)
    first = len(trace.names)
    assert freed == list(range(first, trace.output))


@pytest.mark.parametrize("name", [name for name in PRUNABLE if name not in WITHOUT])
def test_a_program_can_be_stopped_and_continued_at_its_split_points(name: str) -> None:
    model, graph = prepared(name)
    x = PRUNABLE[name].example(3)
    program = general_program(model, graph, x)
    network = compact_network(model, graph, np.array([group.choices[0] for group in graph.groups]))
    bound = program.bind(network)
    with torch.inference_mode():
        wanted = network(x)
        for each in program.split_points:
            tensor = bound.run_until(each, x)
            assert tensor.ndim == 4
            assert len(tensor) == len(x)
            assert torch.equal(bound.run_from(each, tensor.clone()), wanted)


def test_split_points_are_where_one_tensor_is_all_that_counts() -> None:
    x = torch.randn(2, 3, 4, 4)
    net = Net(lambda x: F.relu((y := F.relu(x)) + y.neg()).flatten(1).sum(1))
    trace = OperatorTrace(net, x)
    program = OperatorProgram(trace.steps, trace.names, trace.shapes, trace.output)
    assert [each.steps for each in program.split_points] == [
        1,
        2,
        4,
        5,
    ]  # not between neg and the sum, nor where images are rows
    assert [each.names for each in program.split_points] == [("conv.weight", "conv.bias"), (), (), ()]


@pytest.mark.parametrize(
    ("then", "is_final"),
    [
        (lambda x: F.relu(x), True),
        (lambda x: F.relu(x).neg_(), True),
        (lambda x: x.neg_(), False),
        (lambda x: x.flatten(1).neg_(), False),
    ],
)
def test_split_points_say_whether_their_tensor_is_final(then: Callable[[Tensor], Tensor], is_final: bool) -> None:
    """An operator that is not known to return something new counts as one that returns a view."""
    net, x = Net(then), torch.randn(2, 3, 4, 4)
    trace = OperatorTrace(net, x)
    program = OperatorProgram(trace.steps, trace.names, trace.shapes, trace.output)
    at_convolution = program.split_points[0]
    bound = program.bind(net)
    with torch.inference_mode():
        tensor = bound.run_until(at_convolution, x)
        before = tensor.clone()
        bound.run_from(at_convolution, tensor)
        assert torch.equal(tensor, before) == is_final
        assert is_final or not at_convolution.is_final


def test_what_only_convolutions_read_is_final() -> None:
    x = torch.randn(2, 3, 4, 4)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True))
    trace = OperatorTrace(net, x)
    program = OperatorProgram(trace.steps, trace.names, trace.shapes, trace.output)
    assert [each.is_final for each in program.split_points] == [True, False, True]


class Attends(nn.Module):
    """Attention that drops a share of its weights."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, x, x, dropout_p=self.dropout)


def test_attention_has_a_program_unless_it_draws_numbers() -> None:
    x = torch.randn(2, 3, 4, 4)
    assert len(OperatorTrace(Attends(0.0), x).steps) == 1
    with pytest.raises(NoProgramError, match="does not follow from its arguments"):
        OperatorTrace(Attends(0.5), x)
