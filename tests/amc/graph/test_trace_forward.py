"""Watching leaves nothing behind, whatever the user's `forward` does."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from amc.analysis.analyse import analyse
from amc.graph.trace_forward import output_tensors, trace_forward
from tests.architectures import PRUNABLE, Plain
from tests.oracles import prepared, snapshot
from tests.unusual import Outputs, Transformer

IMAGES = PRUNABLE["plain"].example()


class Breaks(nn.Module):
    """Runs a part of itself and raises inside another part."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 3), Raises())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(self.conv(x))
        return out


class Raises(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError(f"the user's own mistake at {tuple(x.shape)}")


def test_a_network_that_raises_is_left_as_it_was() -> None:
    model = Breaks().train()
    model.conv.eval()
    before = snapshot(model)
    shortcut = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(ValueError, match=r"the user's own mistake at \(2, 4, 4, 4\)"):
        analyse(model, IMAGES)
    assert snapshot(model) == before
    assert [module.training for module in model.modules()] == [True, False, True, True, True]
    assert _get_current_dispatch_mode() is None
    assert torch.backends.mha.get_fastpath_enabled() == shortcut


@pytest.mark.parametrize("enabled", [True, False])
def test_the_attention_shortcut_is_as_before(enabled: bool) -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(enabled)
    try:
        analyse(Transformer(), IMAGES)
        assert torch.backends.mha.get_fastpath_enabled() is enabled
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def test_statistics_do_not_move_and_no_gradient_is_kept() -> None:
    model = Plain().train()
    before = model.bn1.running_mean
    analyse(model, IMAGES)
    assert before is not None
    assert model.bn1.running_mean is before
    assert not before.any()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_it_watches_evaluation_whatever_the_mode() -> None:
    class Auxiliary(Plain):
        def __init__(self) -> None:
            super().__init__()
            self.auxiliary = nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            assert not self.training
            return super().forward(x)

    assert [group.name for group in analyse(Auxiliary().train(), IMAGES).groups] == ["conv1", "conv2"]


def test_the_global_random_numbers_are_left_alone() -> None:
    model = Plain()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    analyse(model, IMAGES)
    assert torch.equal(torch.rand(3), expected)


def test_an_analysis_repeats_itself() -> None:
    model, graph = prepared("projection")
    again = analyse(model, IMAGES)
    assert again.groups == graph.groups
    assert again.frozen == graph.frozen
    assert again.fingerprint == graph.fingerprint


def test_hooks_of_the_user_stay_and_run() -> None:
    model, calls = Plain(), []
    model.conv1.register_forward_hook(lambda *_: calls.append("ran"))
    analyse(model, IMAGES)
    seen = len(calls)
    assert seen
    model(IMAGES)
    assert len(calls) == seen + 1


class Pair(NamedTuple):
    first: Tensor
    second: list[Tensor]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x, y: x + 0 if y is None else [x, y],
        lambda x, y: (x, {"deep": [y]}),
        lambda x, y: Pair(x, [y]),
        lambda x, y: Outputs(x, {"y": y}),
        lambda x, y: {"name": "text", "x": x, "number": 3, "y": y, "none": None},
    ],
)
def test_tensors_are_found_wherever_a_network_returns_them(wrap) -> None:  # type: ignore[no-untyped-def]
    x, y = torch.zeros(1), torch.ones(2)
    found = output_tensors(wrap(x, y))
    assert [id(tensor) for tensor in found] == [id(x), id(y)]


def test_layers_are_named_by_their_weights_and_counted_in_the_order_of_calls() -> None:
    model, _ = prepared("shared")
    calls = trace_forward(model, IMAGES).layers
    assert [(call.name, call.call) for call in calls] == [
        ("stem", 0),
        ("shared", 1),
        ("shared", 2),
        ("last", 3),
        ("fc", 4),
    ]
