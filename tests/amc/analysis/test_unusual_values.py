"""Networks whose parameters, buffers, number formats or outputs are unusual can be analysed, and stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.analysis.check_runs import is_repeatable
from amc.analysis.round_trip import check_round_trip
from amc.artifacts.portable import FORMATS, write_portable
from amc.graph import trace_graph
from amc.pruning.slicing import compact, make_selection
from tests.oracles import random_mask, snapshot

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Two convolutions and a classifier, and what a subclass adds."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm, self.b, self.fc = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return self.fc(self.b(self.norm(self.a(x)).relu()).mean((2, 3)))


class WholeNumbers(Net):
    def __init__(self) -> None:
        super().__init__()
        self.order = nn.Parameter(torch.arange(3), requires_grad=False)

    def forward(self, x: Tensor) -> Any:
        return super().forward(x)[:, self.order]


class Expanded(Net):
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, 1, 1, 1), 0.5).expand(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Any:
        return super().forward(x - self.mean)


class Counting(Net):
    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Any:
        self.calls = self.calls + 1
        return super().forward(x)


class OnlyFloat32(Net):
    def forward(self, x: Tensor) -> Any:
        assert x.dtype == torch.float32
        return super().forward(x)


class Heads(Net):
    """Selects by the values of a layer of its own, and gives a list."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 3))

    def forward(self, x: Tensor) -> Any:
        scores = F.linear(super().forward(x), self.weight)
        return [scores[scores > 0]]


class Blur(nn.Conv2d):
    """A fixed filter, whose weight is no parameter."""

    def __init__(self) -> None:
        super().__init__(8, 8, 3, groups=8, bias=False)
        del self.weight
        self.register_buffer("weight", torch.ones(8, 1, 3, 3) / 9)


class Blurred(Net):
    def __init__(self) -> None:
        super().__init__()
        self.blur = Blur()

    def forward(self, x: Tensor) -> Any:
        return self.fc(self.b(self.blur(self.a(x).relu())).mean((2, 3)))


class Barred(Net):
    """Classes that the image does not have score minus infinity."""

    barred: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("barred", torch.tensor([False, True, False]))

    def forward(self, x: Tensor) -> Any:
        return super().forward(x).masked_fill(self.barred, -torch.inf)


def made_for_inference() -> nn.Module:
    with torch.inference_mode():
        return Net()


@pytest.mark.parametrize(
    ("build", "groups"),
    [
        (WholeNumbers, ["a", "b"]),
        (Expanded, ["a", "b"]),
        (Counting, ["a", "b"]),
        (OnlyFloat32, ["a", "b"]),
        (Heads, ["a", "b", "fc"]),
        (Blurred, ["b"]),
        (Barred, ["a", "b"]),
        (made_for_inference, ["a", "b"]),
    ],
)
def test_it_is_analysed_and_left_as_it_was(build: Callable[[], nn.Module], groups: list[str]) -> None:
    model = build().eval()
    before = snapshot(model)
    graph = analyse(model, IMAGES)
    assert [group.name for group in graph.groups] == groups
    assert snapshot(model) == before
    compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0)))(IMAGES)


def test_a_network_with_infinite_outputs_is_exported(tmp_path: Any) -> None:
    assert write_portable(FORMATS["program"], Barred().eval(), IMAGES, tmp_path / "net.pt2") < 1e-5


def test_a_buffer_that_is_not_set_is_written_and_read(tmp_path: Any) -> None:
    model = Net().eval()
    model.register_buffer("unset", torch.full((3,), torch.nan), persistent=False)
    check_round_trip(model, analyse(model, IMAGES), IMAGES, tmp_path)


class AnyLength(Net):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x).repeat(1, int(torch.randint(1, 50, ())))


def test_outputs_of_another_shape_are_no_repetition() -> None:
    assert not is_repeatable(AnyLength().eval(), IMAGES)


@pytest.mark.parametrize("width", [2, 4])
def test_one_channel_may_be_left_of_those_that_a_maximum_is_taken_over(width: int) -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.gate, self.b = nn.Conv2d(3, width, 3), nn.Conv2d(2, 1, 1), nn.Conv2d(width, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x).relu()
            pooled = torch.cat([x.max(1, keepdim=True)[0], x.mean(1, keepdim=True)], 1)
            out: Tensor = self.b(x * self.gate(pooled).sigmoid()).mean((2, 3))
            return out

    graph = analyse(Attention(), IMAGES, round_to=1)
    assert [(group.name, group.choices[0]) for group in graph.groups] == [("a", 1)]


@pytest.mark.parametrize("find", ["argmax", "max", "min"])
@pytest.mark.parametrize("is_read", [True, False])
def test_the_position_of_a_channel_must_not_be_read(find: str, is_read: bool) -> None:
    class Found(Net):
        def __init__(self) -> None:
            super().__init__()
            self.of_channel = nn.Embedding(8, 4)

        def forward(self, x: Tensor) -> Any:
            x = self.a(x)
            found = x.argmax(1) if find == "argmax" else getattr(x, find)(1)[1]
            values = self.b(x.relu()).mean((2, 3))
            return self.fc(values + self.of_channel(found).mean((1, 2)) if is_read else values)

    graph = trace_graph(Found(), IMAGES)
    assert [group.name for group in graph.groups] == (["b"] if is_read or find == "argmax" else ["a", "b"])


@pytest.mark.parametrize("groups", [1, 8])
def test_modules_that_share_a_weight_all_follow_its_shape(groups: int) -> None:
    class Twins(Net):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = (nn.Conv2d(8, 8, 1, groups=groups) for _ in range(2))
            self.other.weight, self.other.bias = self.one.weight, self.one.bias

        def forward(self, x: Tensor) -> Any:
            return self.fc(self.b(self.other(self.one(self.a(x).relu()).relu())).mean((2, 3)))

    model = Twins().eval()
    graph = analyse(model, IMAGES)
    assert [group.name for group in graph.groups] == ["a", "b"]
    small = compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0)))
    for name in ("one", "other"):
        twin = small.get_submodule(name)
        assert isinstance(twin, nn.Conv2d)
        assert twin.out_channels == twin.in_channels == len(twin.weight) == 2
        assert twin.groups == (2 if groups > 1 else 1)
