"""The average of closed forms: better on images that none of them saw, and the mean of their weights."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.compression.compressor import Compressor
from amc.pruning.slicing import UnitMask
from amc.recovery import averaging
from amc.recovery.averaging import average_of_draws
from amc.recovery.blockwise import TrainingLength, train_blockwise
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.recovery.calibration_parts import calibration_parts
from tests.architectures import PRUNABLE
from tests.oracles import prepared, random_mask

NAME = "flattened"
FEW, PLENTY = 20, 1200

pytestmark = pytest.mark.backward
DRAWS = TrainingLength(block_steps=0, whole_steps=0, draws=4)


def problem(images: int) -> tuple[CalibratedNetwork, UnitMask, nn.Module]:
    model, graph = prepared(NAME)
    calibration = [PRUNABLE[NAME].example(images)]
    mask = random_mask(graph, np.maximum(graph.full // 2, graph.least), 0)
    network, _ = Compressor(model, graph, calibration).compact(mask, "asymmetric")
    return CalibratedNetwork(model, graph, calibration), mask, network


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


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
    original, mask, network = problem(FEW)
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
    original, mask, network = problem(FEW)
    before = weights(network)

    def spoil(network: nn.Module, *_: object) -> None:
        for parameter in network.parameters():
            parameter.data.zero_()

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
