"""Operator rules are made wrong on purpose: the analysis has to notice, and to keep what the error does not touch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.graph import PruningGraph, operators, trace_graph
from amc.graph.channels import Channels, Labels
from amc.graph.operators import statistics, views
from amc.graph.reshape import reshape_labels
from amc.graph.trace import Call, Trace
from amc.pruning.slicing import compact, make_selection
from tests.architectures import PRUNABLE, Flattened, Inception, Plain, Projection
from tests.oracles import distance, random_mask, randomise, run, run_ignoring
from tests.unusual import Around, ConvNeXt

IMAGES = PRUNABLE["plain"].example()
FAILED = ("self-check: outputs differ by", "self-check: the compact network fails with RuntimeError")


def passes_on(trace: Trace, call: Call) -> None:
    """Wrong for most operators: the channels of the first input come out as they went in."""
    for out in call.outputs()[:1]:
        trace.label(out, trace.labels(call.tensors()[0]))


def follows_pieces(trace: Trace, call: Call) -> None:
    """Wrong: of fewer channels, `chunk` takes other ones."""
    labels, start = trace.labels(call.tensors()[0]), 0
    for out in call.outputs():
        assert labels[1] is not None
        trace.label(out, (labels[0], labels[1][start : start + out.shape[1]], *labels[2:]))
        start += out.shape[1]


def joins_backwards(trace: Trace, call: Call) -> None:
    labels = [trace.labels(tensor)[1] for tensor in reversed(call.tensors())]
    trace.label(call.out, (None, np.concatenate([each for each in labels if each is not None]), None, None))


def backwards(trace: Trace, call: Call) -> None:
    """Wrong: the last axis comes out in reverse order."""
    *others, last = trace.labels(call.tensors()[0])
    trace.label(call.out, (*others, None if last is None else last[::-1].copy()))


def mean_backwards(trace: Trace, call: Call) -> None:
    """Wrong: the channels come out in reverse order."""
    label = trace.labels(call.tensors()[0])[1]
    trace.label(call.out, (None, None if label is None else label[::-1].copy()))


def swapped(x: Tensor) -> Tensor:
    left, right = x.chunk(2, 1)
    return torch.cat([right, left], 1)


MIDDLES: dict[str, tuple[str, operators.Rule, Callable[[Tensor], Tensor]]] = {
    "chunk": ("split", follows_pieces, swapped),
    "softmax": ("_softmax", passes_on, lambda x: x.softmax(1) * 8),
    "flip": ("flip", passes_on, lambda x: x.flip(1)),
    "cumsum": ("cumsum", passes_on, lambda x: x.cumsum(1)),
    "LayerNorm": ("native_layer_norm", passes_on, nn.LayerNorm([8, 8, 8])),
    "GroupNorm": ("native_group_norm", statistics.batch_norm, nn.GroupNorm(1, 8)),
}


@pytest.mark.parametrize("kind", MIDDLES)
def test_a_wrong_rule_freezes_the_channels_that_it_touched(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, rule, middle = MIDDLES[kind]
    model = randomise(Around(middle, 8))
    monkeypatch.setitem(operators.RULES, operator, rule)
    assert [group.name for group in trace_graph(model, IMAGES).groups] == ["conv1", "conv2"]  # it would be cut
    graph = analyse(model, IMAGES)
    reasons = {frozen.name: frozen.reason for frozen in graph.frozen}
    assert reasons["conv1"].startswith(FAILED)
    assert [group.name for group in graph.groups] == ["conv2"]


def only_these_survive(model: nn.Module, names: list[str]) -> PruningGraph:
    """Analyse; the groups of that name are left, renumbered so that they can be cut, all others failed."""
    before = [group.name for group in trace_graph(model, IMAGES).groups]
    graph = analyse(model, IMAGES)
    assert [group.name for group in graph.groups] == names
    reasons = {frozen.name: frozen.reason for frozen in graph.frozen}
    assert all(reasons[name].startswith(FAILED) for name in before if name not in names)
    mask = random_mask(graph, graph.least, 0)
    got = run(compact(model, make_selection(graph, model, mask)), IMAGES)
    assert distance(got, run_ignoring(model, graph, mask, IMAGES)) < 1e-4
    return graph


def test_channels_joined_in_the_wrong_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(operators.RULES, "cat", joins_backwards)
    only_these_survive(randomise(Inception()), ["stem.0", "mix.0"])


def test_channels_that_are_added_but_not_tied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(operators.RULES, "add", passes_on)
    only_these_survive(randomise(Projection()), ["stem.0", "conv1.0", "conv3.0"])


def test_channels_flattened_in_the_wrong_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def tiled(channels: Channels, labels: Labels, old: torch.Size, new: torch.Size, reason: str) -> Labels:
        if len(new) == 2 and labels[1] is not None:
            return None, np.tile(labels[1], old[2] * old[3])
        return reshape_labels(channels, labels, old, new, reason)

    monkeypatch.setattr(views, "reshape_labels", tiled)
    only_these_survive(randomise(Flattened()), ["conv1", "fc1"])


class HardCoded(nn.Module):
    """Numbers in the code that a smaller network does not fit: those of a view, and those of a depthwise filter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Conv2d(6, 7, 3)
        self.filter = nn.Parameter(torch.ones(6, 1, 1, 1))
        self.fc = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x).view(-1, 8, 6, 6)
        x = F.conv2d(self.conv2(x).relu(), self.filter, groups=6)
        out: Tensor = self.fc(self.conv3(x).relu().mean((2, 3)))
        return out


def test_sizes_in_the_users_own_code_freeze_what_depends_on_them() -> None:
    graph = analyse(HardCoded(), IMAGES)
    reasons = {frozen.name: frozen.reason for frozen in graph.frozen}
    assert [group.name for group in graph.groups] == ["conv3"]
    assert reasons["conv1"].startswith("self-check: the compact network fails with RuntimeError: ")
    assert reasons["conv2"].startswith("self-check: the compact network fails with RuntimeError: ")
    assert "\n" not in reasons["conv1"]


def last_norm_at_zero() -> nn.Module:
    model = Projection()
    for block in ("conv2", "conv4", "shortcut"):
        nn.init.zeros_(model.get_parameter(f"{block}.1.weight"))
    return model


def head_at_zero() -> nn.Module:
    model = Projection()
    nn.init.zeros_(model.fc.weight)
    return model


def everything_at_zero() -> nn.Module:
    model = Projection()
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    return model


@pytest.mark.parametrize("build", [last_norm_at_zero, head_at_zero, everything_at_zero])
def test_a_network_that_hides_errors_is_checked_all_the_same(
    build: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [group.name for group in analyse(build(), IMAGES).groups] == ["stem.0", "conv1.0", "conv2.0", "conv3.0"]
    monkeypatch.setitem(operators.RULES, "add", passes_on)
    graph = analyse(build(), IMAGES)
    assert [group.name for group in graph.groups] == ["stem.0", "conv1.0", "conv3.0"]


def test_a_layer_scale_of_a_millionth_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [group.name for group in analyse(ConvNeXt(), IMAGES).groups] == ["stem", "fc1"]
    monkeypatch.setitem(operators.RULES, "gelu", backwards)
    graph = analyse(ConvNeXt(), IMAGES)
    assert [group.name for group in graph.groups] == ["stem"]
    assert any(frozen.name == "fc1" and frozen.reason.startswith(FAILED) for frozen in graph.frozen)


class Silent(nn.Module):
    """A branch whose result is multiplied by zero: nothing that is done to it can be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.unseen = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
        self.a, self.b = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.a(self.seen(x)) + 0.0 * self.b(self.unseen(x))
        return out


def test_a_group_that_does_not_move_the_output_is_not_trusted() -> None:
    graph = analyse(Silent(), IMAGES)
    reasons = {frozen.name: frozen.reason for frozen in graph.frozen}
    assert [group.name for group in graph.groups] == ["seen"]
    assert "does not move the output" in reasons["unseen"]


CASTS: dict[str, Callable[[Tensor], Tensor]] = {
    "a cast": lambda x: x.float(),
    "a cast and back": lambda x: x.float().sin().type_as(x),
    "a float32 constant": lambda x: F.conv2d(x, torch.ones(8, 8, 1, 1) / 8),
}


@pytest.mark.backward
@pytest.mark.parametrize("kind", CASTS)
def test_code_that_insists_on_float32_freezes_nothing_else(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = randomise(Around(CASTS[kind], 8))
    names = [group.name for group in analyse(model, IMAGES).groups]
    assert names == (["conv2"] if "constant" in kind else ["conv1", "conv2"])
    monkeypatch.setitem(operators.RULES, "mean", mean_backwards)
    assert "conv2" not in {group.name for group in analyse(model, IMAGES).groups}


class Variant(Plain):
    """The plain network with something of the user's own between its convolutions and at its end."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.bn1(self.conv1(x)))
        if self.kind == "assertion" or (self.kind == "training" and self.training):
            assert x.shape[1] == 8
        scores = self.fc(F.relu(self.bn2(self.conv2(x))).mean((2, 3)))
        if self.kind == "classes and masks":
            return {"scores": scores, "class": scores.argmax(1), "found": scores > 0}
        return scores


@pytest.mark.parametrize(
    ("kind", "names", "reason"),
    [
        ("assertion", ["conv2"], "self-check: the compact network fails with AssertionError"),
        ("training", ["conv2"], "self-check: the compact network fails in training mode with AssertionError"),
        ("classes and masks", ["conv1", "conv2"], "a position among channels is found by aten.argmax"),
    ],
)
def test_whatever_the_users_forward_does_is_a_reason_not_a_crash(kind: str, names: list[str], reason: str) -> None:
    model = Variant(kind).train()
    graph = analyse(model, IMAGES)
    assert [group.name for group in graph.groups] == names
    assert any(frozen.reason.startswith(reason) for frozen in graph.frozen)
    compact(model, make_selection(graph, model, random_mask(graph, graph.least, 0)))(
        IMAGES
    )  # it can be trained further


def test_a_failure_names_the_line_that_failed() -> None:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if ".view(-1, 8, 6, 6)" in text)
    reasons = {frozen.name: frozen.reason for frozen in analyse(HardCoded(), IMAGES).frozen}
    assert f"(test_self_check.py:{line})" in reasons["conv1"]


class NoGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> Any:  # noqa: ARG004
        raise ValueError("there is none")


class Middle(nn.Module):
    """Two groups, with something between the second and the outputs."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv1, self.conv2, self.fc = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Linear(6, 5)
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(self.fc(F.relu(self.conv2(F.relu(self.conv1(x)))).mean((2, 3))))


def in_place(x: Tensor) -> Tensor:
    x = x.sigmoid()
    x[:, :2] *= 2
    return x


@pytest.mark.parametrize(
    "change",
    [in_place, NoGradient.apply, lambda x: (x * 1000).round(), lambda x: x.detach()],
    ids=["in place", "no backward pass", "rounded", "detached"],
)
def test_what_no_gradient_comes_through_is_proved_without_one(change: Callable[[Tensor], Tensor]) -> None:
    assert [group.name for group in analyse(Middle(change), IMAGES).groups] == ["conv1", "conv2"]


def test_what_moves_nothing_is_still_not_proved() -> None:
    graph = analyse(Middle(lambda x: x * 0), IMAGES)
    assert not graph.groups
    assert {frozen.reason.partition(";")[0] for frozen in graph.frozen} >= {
        "self-check: ignoring its channels does not move the output, so nothing is proved"
    }
