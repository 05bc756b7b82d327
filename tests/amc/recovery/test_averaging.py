"""The average of closed forms: better on images that none of them saw, and the mean of their weights."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.compression.compressor import Compressor
from amc.pruning.slicing import UnitMask
from amc.recovery import averaging
from amc.recovery.averaging import average_of_draws
from amc.recovery.blockwise import TrainingLength, train_blockwise
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.calibration_parts import calibration_parts
from tests.architectures import PRUNABLE
from tests.oracles import random_mask, randomise
from tests.recovery_problem import recovery_problem, weights

NAME = "flattened"
FEW, PLENTY = 20, 1200

pytestmark = pytest.mark.backward
DRAWS = TrainingLength(block_steps=0, whole_steps=0, draws=4)


def problem(images: int, name: str = NAME) -> tuple[CalibratedNetwork, UnitMask, nn.Module]:
    return recovery_problem(name, images, "asymmetric")


def test_it_is_better_on_images_that_no_closed_form_saw() -> None:
    original, mask, network = problem(FEW)
    fresh = torch.randn(PRUNABLE[NAME].example(200).shape, generator=torch.Generator().manual_seed(7))

    def distance() -> float:
        with torch.no_grad():
            return float(F.mse_loss(network(fresh), original.model(fresh)))

    before = distance()
    train_blockwise(network, original, mask, DRAWS)
    assert distance() < 0.97 * before


def test_weights_and_statistics_are_the_mean_of_those_of_each_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    original, mask, network = problem(FEW, "projection")  # which has batch norms
    images, solved = calibration_parts(original, torch.Generator()), []

    def noted(*given: object) -> nn.Module:
        solved.append(solve(*given))  # type: ignore[arg-type]
        return solved[-1]

    solve = averaging._solved
    monkeypatch.setattr(averaging, "_solved", noted)
    told: list[int] = []
    average_of_draws(network, original, mask, images, 3, told.append)
    assert told == [0, 1, 2]
    for name, tensor in network.state_dict().items():
        each = torch.stack([one.state_dict()[name] for one in solved])
        assert torch.allclose(tensor.double(), each.double().mean(dim=0), rtol=1e-5, atol=1e-6), name
    assert not all(torch.equal(tensor, solved[1].state_dict()[name]) for name, tensor in solved[0].state_dict().items())


def test_it_is_kept_only_if_it_is_better_on_images_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    original, mask, network = problem(FEW, "projection")
    before = weights(network)

    def spoil(network: nn.Module, *_: object) -> None:
        for tensor in network.state_dict().values():
            tensor.zero_()

    monkeypatch.setattr("amc.recovery.blockwise.average_of_draws", spoil)
    result = train_blockwise(network, original, mask, DRAWS)
    assert result.after == result.before
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_plenty_of_images_need_none() -> None:
    original, mask, network = problem(PLENTY)
    before = copy.deepcopy(weights(network))
    told: list[str] = []
    train_blockwise(network, original, mask, DRAWS, lambda text, *_: told.append(text))
    assert not told
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_it_is_told_before_each_and_the_seed_says_all() -> None:
    original, mask, network = problem(FEW)
    other, told = copy.deepcopy(network), []
    result = train_blockwise(network, original, mask, DRAWS, lambda text, *_: told.append(text))
    again = train_blockwise(other, original, mask, DRAWS)
    assert told == [f"closed form {number} of 4 to average" for number in (1, 2, 3, 4)]
    assert result == again
    assert result.after <= result.before
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in other.state_dict().items())


class Remembering(nn.Module):
    """Reads rows in the order that a buffer has as fractions, and keeps in another one what it computed last."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 4)
        self.register_buffer("order", torch.arange(16.0))
        self.register_buffer("last", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x[:, :, self.get_buffer("order").long()]).relu()
        self.last = x.detach()
        found: Tensor = self.head(self.second(x).relu().mean(dim=(2, 3)))
        return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_buffers_that_are_equal_in_all_stay_and_what_was_computed_last_is_no_weight(dtype: torch.dtype) -> None:
    model = randomise(Remembering()).to(dtype)
    model.get_buffer("order").copy_(torch.arange(16.0))
    x = torch.randn(FEW, 3, 16, 16, generator=torch.Generator().manual_seed(0)).to(dtype)
    graph = analyse(model, x[:2])
    mask = random_mask(graph, np.maximum(graph.full // 2, graph.least), 0)
    network, _ = Compressor(model, graph, [x]).compact(mask, "none")
    before = weights(network)
    result = train_blockwise(network, CalibratedNetwork(model, graph, [x]), mask, replace(DRAWS, draws=6))
    assert result.after < result.before
    assert torch.equal(network.get_buffer("order"), torch.arange(16.0).to(dtype))
    assert not torch.equal(network.get_parameter("second.weight"), before["second.weight"])


def test_weights_that_were_tuned_are_not_replaced() -> None:
    original, mask, network = problem(FEW)
    before = weights(network)
    told: list[str] = []
    train_blockwise(network, original, mask, DRAWS, lambda text, *_: told.append(text), is_closed_form=False)
    assert not told
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
