"""Networks made narrower by hand, weight by weight, against `amc.pruning.slicing` with the L1 criterion."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.criteria import Evidence
from amc.criteria.weight_norms import l1
from amc.pruning import slicing
from amc.pruning.slicing import choose_units, compact, make_selection
from tests.architectures import Dense, Flattened, Plain, Projection
from tests.oracles import prepared

State = dict[str, Tensor]


def top(keep: int, *norms: Tensor) -> Tensor:
    """The `keep` channels of the largest L1 norm, ascending; several readers are brought to the same sum first."""
    total = torch.stack([each / each.sum() for each in norms]).sum(0)
    return total.topk(keep).indices.sort().values


def read(weight: Tensor) -> Tensor:
    """L1 norm of what a convolution or a linear layer does with each of its inputs."""
    return weight.abs().flatten(2).sum((0, 2)) if weight.ndim > 2 else weight.abs().sum(0)


def cut(state: State, module: str, kept: Tensor) -> None:
    """Slice every tensor of a module along its first axis."""
    for name in [each for each in state if each.rpartition(".")[0] == module and state[each].ndim]:
        state[name] = state[name][kept]


def cut_inputs(state: State, module: str, kept: Tensor) -> None:
    state[f"{module}.weight"] = state[f"{module}.weight"][:, kept]


def plain(state: State) -> tuple[nn.Module, list[int]]:
    first, second = top(5, read(state["conv2.weight"])), top(7, read(state["fc.weight"]))
    for module, kept in (("conv1", first), ("bn1", first), ("conv2", second), ("bn2", second)):
        cut(state, module, kept)
    for module, kept in (("conv2", first), ("fc", second)):
        cut_inputs(state, module, kept)
    return Plain(5, 7), [5, 7]


def flattened(state: State) -> tuple[nn.Module, list[int]]:
    runs = state["fc1.weight"].unflatten(1, (8, 4))  # 2 x 2 pixels of each channel lie side by side
    first, second = top(4, read(state["conv2.weight"])), top(3, read(runs))
    hidden = top(6, read(state["fc2.weight"]))
    for module, kept in (("conv1", first), ("conv2", second), ("fc1", hidden)):
        cut(state, module, kept)
    cut_inputs(state, "conv2", first)
    cut_inputs(state, "fc1", torch.cat([torch.arange(4 * channel, 4 * channel + 4) for channel in second.tolist()]))
    cut_inputs(state, "fc2", hidden)
    return Flattened(4, 3, 6), [4, 3, 6]


def projection(state: State) -> tuple[nn.Module, list[int]]:
    stem = top(3, read(state["conv1.0.weight"]), read(state["shortcut.0.weight"]))
    inner = top(6, read(state["conv2.0.weight"]))
    outer = top(4, read(state["conv3.0.weight"]), read(state["fc.weight"]))
    last = top(2, read(state["conv4.0.weight"]))
    produced = {"stem": stem, "conv1": inner, "conv2": outer, "shortcut": outer, "conv3": last, "conv4": outer}
    consumed = {"conv1": stem, "shortcut": stem, "conv2": inner, "conv3": outer, "conv4": last}
    for module, kept in produced.items():
        cut(state, f"{module}.0", kept)
        cut(state, f"{module}.1", kept)
    for module, kept in consumed.items():
        cut_inputs(state, f"{module}.0", kept)
    cut_inputs(state, "fc", outer)
    return Projection(3, 6, 4, 2), [3, 6, 4, 2]


def dense(state: State) -> tuple[nn.Module, list[int]]:
    one, two, head = (read(state[f"{module}.weight"]) for module in ("conv1", "conv2", "fc"))
    stem = top(4, one, two[:6], head[:6])
    first, second = top(2, two[6:], head[6:10]), top(2, head[10:])
    with_first = torch.cat([stem, 6 + first])
    everything = torch.cat([with_first, 10 + second])
    for module, kept in (("stem", stem), ("conv1", first), ("conv2", second)):
        cut(state, module, kept)
    for module, kept in (("bn1", stem), ("bn2", with_first), ("bn3", everything)):
        cut(state, module, kept)
    for module, kept in (("conv1", stem), ("conv2", with_first), ("fc", everything)):
        cut_inputs(state, module, kept)
    return Dense(4, 2), [4, 2, 2]


@pytest.mark.parametrize("by_hand", [plain, flattened, projection, dense])
@pytest.mark.parametrize("large", [slicing.LARGE, 500])
def test_the_compact_network_is_the_one_cut_by_hand(
    by_hand: Callable[[State], tuple[nn.Module, list[int]]], large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and in parts as large tensors are."""
    monkeypatch.setattr(slicing, "LARGE", large)
    model, graph = prepared(by_hand.__name__)
    state = model.state_dict()
    wanted, kept_counts = by_hand(state)
    wanted.load_state_dict(state)
    got = compact(
        model, make_selection(graph, model, choose_units(graph, l1(Evidence(model, graph, [])), np.array(kept_counts)))
    )
    assert repr(got) == repr(wanted)  # types, channels and features of every module
    assert list(got.state_dict()) == list(wanted.state_dict())
    for name, tensor in wanted.state_dict().items():
        assert torch.equal(got.state_dict()[name], tensor), name
