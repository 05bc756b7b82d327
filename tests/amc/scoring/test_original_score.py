"""The first figure of all: the score of the network as it is, or why there is none."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from amc.data.resident import ResidentImages
from amc.scoring.original_score import check_apart, score_original
from amc.utils.errors import UserError

IMAGES = ResidentImages(torch.eye(6).reshape(6, 6, 1, 1).repeat(5, 1, 1, 1), torch.arange(6).repeat(5))
"""A network that returns the image answers right."""


class Hooked(nn.Module):
    """Returns what a hook notes of its first layer: one that holds the network, or a method of it."""

    def __init__(self, *, closure: bool) -> None:
        super().__init__()
        self.first = nn.Flatten()
        self.seen: Tensor | None = None
        self.first.register_forward_hook(lambda *given: self.note(*given) if closure else None)
        if not closure:
            self.first.register_forward_hook(self.note)

    def note(self, _: nn.Module, __: Any, out: Tensor) -> None:
        self.seen = out

    def forward(self, x: Tensor) -> Tensor:
        self.first(x)
        assert self.seen is not None
        return self.seen * 1


def test_a_hook_that_is_a_method_is_copied_with_its_network() -> None:
    assert score_original(Hooked(closure=False), IMAGES, "top1", torch.device("cpu")).value == 1


@pytest.mark.parametrize("runs_before", [True, False])
def test_a_hook_that_holds_the_network_is_told(runs_before: bool) -> None:
    model = Hooked(closure=True)
    if runs_before:
        model(IMAGES.inputs)
    with pytest.raises(UserError, match="a copy of the network does not compute what the network does; a hook"):
        score_original(model, IMAGES, "top1", torch.device("cpu"))


class Counting(nn.Module):
    """Its outputs follow from how often it ran, which an attribute holds."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.flatten(1) * self.calls


def test_a_network_with_a_state_of_its_own_is_scored() -> None:
    assert score_original(Counting(), IMAGES, "top1", torch.device("cpu")).value == 1


class Held(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(IMAGES.inputs[0].numel(), 2))
        self.run = lambda x: self[1](x)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.run(self[0](x))
        return out


class Empty(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(IMAGES.inputs[0].numel(), 2))
        self.nothing = nn.Parameter(torch.empty(0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self[1](self[0](x)), self.nothing.expand(len(x), 0)], dim=1)


def test_a_function_that_holds_a_layer_of_the_network_is_told() -> None:
    with pytest.raises(UserError, match="a hook or a function in it holds one of its modules"):
        score_original(Held(), IMAGES, "top1", torch.device("cpu"))


def test_a_copy_is_told_from_one_that_reads_the_weights_it_was_copied_from() -> None:
    example, held, empty = IMAGES.example(1), Held(), Empty()
    with pytest.raises(UserError, match="a hook or a function in it holds one of its modules"):
        check_apart(copy.deepcopy(held), held, example)
    assert check_apart(copy.deepcopy(empty), empty, example) is not None
