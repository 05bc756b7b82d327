import sys
from typing import Any

import pytest
import torch
from torch import nn

from amc.analysis.analyse import analyse
from amc.graph import PruningGraph
from amc.graph.group_patterns import choose_groups
from amc.pruning.slicing import compact, make_selection
from amc.utils.errors import UserError
from tests.architectures import PRUNABLE
from tests.oracles import distance, prepared, random_mask, run, run_ignoring


def chosen(freeze: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> PruningGraph:
    """Of the network with a projected shortcut: `stem.0`, `conv1.0`, `conv2.0` tied to two others, `conv3.0`."""
    _, graph = prepared("projection")
    return choose_groups(graph, freeze, only)


@pytest.mark.parametrize(
    ("freeze", "only", "left"),
    [
        ((), (), ["stem.0", "conv1.0", "conv2.0", "conv3.0"]),
        (("conv1.0",), (), ["stem.0", "conv2.0", "conv3.0"]),
        (("stem",), (), ["conv1.0", "conv2.0", "conv3.0"]),  # a module
        (("conv4",), (), ["stem.0", "conv1.0", "conv3.0"]),  # another producer of the group
        (("short*", "conv?.0"), (), ["stem.0"]),
        ((), ("conv[13]",), ["conv1.0", "conv3.0"]),
        ((), ("stem", "shortcut"), ["stem.0", "conv2.0"]),
        (("conv1",), ("conv1", "conv3"), ["conv3.0"]),
        (("fc",), (), ["stem.0", "conv1.0", "conv2.0", "conv3.0"]),  # frozen by itself
    ],
    ids=str,
)
def test_patterns_name_layers_and_modules(freeze: tuple[str, ...], only: tuple[str, ...], left: list[str]) -> None:
    assert [group.name for group in chosen(freeze, only).groups] == left


def test_what_is_left_out_is_listed_with_its_pattern() -> None:
    reasons = {frozen.name: frozen.reason for frozen in chosen(("stem*",), ("conv1", "conv3")).frozen}
    assert reasons == {
        "fc": "output of the network",
        "stem.0": "frozen by freeze='stem*'",
        "conv2.0": "not among only='conv1 conv3'",
    }


def test_nothing_else_of_the_graph_changes() -> None:
    _, graph = prepared("projection")
    assert chosen().fingerprint == graph.fingerprint
    assert chosen(("stem",)).fingerprint != graph.fingerprint


@pytest.mark.parametrize("name", ["projection", "inception", "grouped_wide", "squeeze_excite"])
def test_the_others_can_be_cut_as_before(name: str) -> None:
    model, whole = prepared(name)
    x = PRUNABLE[name].example()
    kept = whole.groups[0].name
    graph = analyse(model, x, freeze=[kept])
    assert [group.name for group in graph.groups] == [group.name for group in whole.groups[1:]]
    mask = random_mask(graph, graph.least, 0)
    small = compact(model, make_selection(graph, model, mask))
    assert distance(run(small, x), run_ignoring(model, graph, mask, x)) < 1e-4
    weight = f"{kept}.weight"
    assert small.get_parameter(weight).shape[0] == model.get_parameter(weight).shape[0]


@pytest.mark.parametrize(
    ("freeze", "only", "message"),
    [
        (("conv9",), (), r"freeze='conv9' matches no layer and no module that has layers; did you mean .*conv1"),
        ((), ("conv1", "stm"), r"only='stm' matches no layer and no module that has layers; did you mean stem"),
        (("stem.1",), (), r"freeze='stem.1' matches no layer .* did you mean stem.0"),  # a batch norm
        (("Stem",), (), r"freeze='Stem' matches no layer"),
        (("",), (), r"freeze=\"''\" matches no layer"),
    ],
)
def test_a_pattern_that_matches_nothing_names_what_may_have_been_meant(
    freeze: tuple[str, ...], only: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        chosen(freeze, only)
    assert "\n" not in str(caught.value)


def test_none_is_no_pattern() -> None:
    _, graph = prepared("projection")
    assert choose_groups(graph, None, None).fingerprint == graph.fingerprint


@pytest.mark.parametrize("given", [3, [3], b"conv1"])
def test_patterns_are_text(given: Any) -> None:
    _, graph = prepared("projection")
    with pytest.raises(UserError, match=r"expected freeze as a pattern of layer names, or a list of several, got "):
        choose_groups(graph, given, ())


def test_the_users_choice_is_not_checked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = prepared("plain")
    checked: list[str] = []

    def check(_model: nn.Module, graph: PruningGraph, *_: object) -> dict[int, str]:
        checked.extend(group.name for group in graph.groups)
        return {0: "self-check: never"}

    monkeypatch.setattr(sys.modules["amc.analysis.analyse"], "failed_groups", check)
    graph = analyse(model, torch.zeros(1, 3, 8, 8), only=["conv2"])
    assert checked == ["conv2"]
    assert [frozen.reason for frozen in graph.frozen][1:] == ["not among only='conv2'", "self-check: never"]
