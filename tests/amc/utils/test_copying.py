"""Copies of networks that were used before: with gradients, and with what they computed in their attributes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from amc.utils.copying import copy_network
from amc.utils.errors import UserError


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


class Keeping(nn.Module):
    """Leaves what it computed in every place where users leave it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 1))
        self.old = nn.utils.weight_norm(nn.Conv2d(3, 3, 1))
        self.seen: Any = None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        self.seen = {"list": [y], "object": Holder((y * 2, "text")), 3: None}
        self.seen["itself"] = self.seen
        out: Tensor = self.old(y)
        return out


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_network_that_was_used_is_copied_without_its_history() -> None:
    model = Keeping()
    x = torch.ones(1, 2, 4, 4)
    model(x).sum().backward()
    other = copy_network(model)
    assert isinstance(other.seen, dict)
    kept = other.seen["object"].value[0]
    torch.testing.assert_close(kept, model.seen["object"].value[0])
    assert kept.is_leaf
    assert other.seen["itself"] is other.seen
    assert all(parameter.grad is None for parameter in other.parameters())
    assert all(parameter.grad is not None for parameter in model.parameters())
    torch.testing.assert_close(other(x), model(x))


def test_the_copy_shares_no_memory() -> None:
    model = nn.Linear(2, 2)
    copy_network(model).weight.data.zero_()  # type: ignore[operator]
    assert model.weight.any()


def test_the_copy_shares_no_container_that_is_empty_yet() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    held: list[dict[int, int]] = [{}]
    vars(model[0])["seen"] = vars(model[1])["seen"] = held[0]
    other = copy_network(model)
    assert isinstance(other, nn.Sequential)
    other[0].register_forward_hook(lambda *_: None)
    vars(other[0])["seen"][0] = 1
    assert not model[0]._forward_hooks
    assert not other[1]._forward_hooks
    assert vars(other[1])["seen"] == {0: 1}
    assert not held[0]


def test_what_stands_for_an_object_is_taken() -> None:
    model, other = nn.Linear(2, 2), nn.Parameter(torch.ones(1, 2))
    assert copy_network(model, {id(model.weight): other}).weight is other


def test_what_can_not_be_copied_is_told() -> None:
    model = nn.Linear(2, 2)
    model.lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(UserError, match=r"can't be copied: .*lock.*; keep open files, locks"):
        copy_network(model)
