"""Recovery by gradients: nearer to the original on images that it was not trained on, and never further away."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.analysis.analyse import analyse
from amc.compression.compressor import Compressor
from amc.pruning.slicing import UnitMask
from amc.recovery.blockwise import BlockwiseResult, TrainingLength, train_blockwise
from amc.recovery.calibrated_network import CalibratedNetwork
from amc.utils.errors import UserError
from tests.architectures import PRUNABLE
from tests.oracles import prepared, random_mask, randomise
from tests.recovery_problem import recovery_problem, weights
from tests.unusual import Outputs, TwoOutputs

SHORT = TrainingLength(block_steps=4, whole_steps=12, draws=0)
IMAGES = 24

pytestmark = pytest.mark.backward


def problem(name: str, images: int = IMAGES) -> tuple[CalibratedNetwork, UnitMask, nn.Module]:
    return recovery_problem(name, images, "both")


def trained(name: str, length: TrainingLength = SHORT) -> tuple[BlockwiseResult, nn.Module]:
    original, mask, network = problem(name)
    return train_blockwise(network, original, mask, length), network


@pytest.mark.parametrize("name", ["flattened", "projection", "dense"])
def test_training_brings_the_network_nearer_to_the_original(name: str) -> None:
    result, _ = trained(name)
    assert result.after < result.before
    assert result.blocks > 2
    assert not result.note


@pytest.mark.parametrize("name", ["unet", "espnet"])
def test_prelu_is_trained_in_any_number_format(name: str) -> None:
    result, _ = trained(name)
    assert result.after < result.before


def test_a_layer_that_is_dead_on_all_images_hinders_nothing() -> None:
    shared, graph = prepared("flattened")
    model = copy.deepcopy(shared)
    with torch.no_grad():
        model.get_parameter("fc1.bias").fill_(-1e3)
        model.get_parameter("fc2.bias").fill_(0.1)
    calibration = [PRUNABLE["flattened"].example(IMAGES)]
    mask = random_mask(graph, np.maximum(graph.full // 2, graph.least), 0)
    network, _ = Compressor(model, graph, calibration).compact(mask, "both")
    result = train_blockwise(network, CalibratedNetwork(model, graph, calibration), mask, SHORT)
    assert result.after <= result.before < float("inf")
    assert result.blocks > 2


def test_a_network_that_is_no_list_of_operators_is_trained_as_a_whole() -> None:
    result, _ = trained("two_outputs")
    assert result.after < result.before
    assert result.blocks == 1
    assert "more than one tensor" in result.note


def test_images_that_were_never_seen_gain_too() -> None:
    original, mask, network = problem("projection", images=64)
    fresh = torch.randn(PRUNABLE["projection"].example(100).shape, generator=torch.Generator().manual_seed(7))

    def distance() -> float:
        with torch.no_grad():
            return float(F.mse_loss(network(fresh), original.model(fresh)))

    before = distance()
    train_blockwise(network, original, mask, TrainingLength(block_steps=10, whole_steps=30, draws=0))
    assert distance() < before


def test_steps_that_harm_are_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc.recovery.block_training.PEAK", 10.0)
    monkeypatch.setattr("amc.recovery.whole_training.PEAK", 10.0)
    original, mask, network = problem("projection")
    before, told = weights(network), []
    result = train_blockwise(network, original, mask, SHORT, lambda text, *_: told.append(text))
    assert told.count("all blocks together") < SHORT.whole_steps  # which ends when nothing helps
    assert result.after <= result.before
    if result.after == result.before:
        assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_more_steps_never_harm_and_none_change_nothing() -> None:
    original, mask, network = problem("projection")
    before = weights(network)
    none = train_blockwise(network, original, mask, TrainingLength(0, 0, 0))
    assert none.after == none.before
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    again = [train_blockwise(network, original, mask, SHORT) for _ in range(3)]
    reached = [none.before, *(each.after for each in again)]
    assert reached == sorted(reached, reverse=True)


def test_nothing_else_changes_and_the_seed_says_all() -> None:
    original, mask, network = problem("projection")
    original_before, other = weights(original.model), copy.deepcopy(network)
    statistics = {name: tensor for name, tensor in weights(network).items() if "running" in name}
    stem = network.get_submodule("stem").requires_grad_(False)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    train_blockwise(network, original, mask, SHORT)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, original_before[name]) for name, tensor in original.model.state_dict().items())
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in statistics.items())
    assert [each.requires_grad for each in stem.parameters()] == [False] * 3
    assert all(each.grad is None for each in network.parameters())
    torch.manual_seed(2)
    train_blockwise(other, original, mask, SHORT)
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in other.state_dict().items())


def test_what_is_told_counts_all_steps() -> None:
    original, mask, network = problem("plain")
    told: list[tuple[str, int, int]] = []
    train_blockwise(network, original, mask, SHORT, lambda *given: told.append(given))
    assert [done for _, done, _ in told] == list(range(2 * 4 + 12))
    assert {total for *_, total in told} == {20}
    assert list(dict.fromkeys(text for text, *_ in told)) == ["block 1 of 3", "block 2 of 3", "all blocks together"]


class Detached(TwoOutputs):
    """Returns what no gradient passes through."""

    @torch.no_grad()
    def forward(self, x: Tensor) -> Outputs:
        return super().forward(x)


def test_a_network_without_gradients_is_refused_and_left_as_it_was() -> None:
    model = randomise(Detached())
    x = PRUNABLE["two_outputs"].example(IMAGES)
    graph = analyse(model, x)
    mask = random_mask(graph, np.maximum(graph.full // 2, graph.least), 0)
    network, _ = Compressor(model, graph, [x]).compact(mask, "none")
    before = weights(network)
    with pytest.raises(UserError, match="no gradients pass"):
        train_blockwise(network, CalibratedNetwork(model, graph, [x]), mask, TrainingLength(0, 2, draws=1))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_one_image_is_too_few() -> None:
    original, mask, network = problem("plain", images=1)
    with pytest.raises(UserError, match="at least 2 calibration images"):
        train_blockwise(network, original, mask, SHORT)


def test_blocks_take_more_steps_the_more_images_there_are() -> None:
    images = [8, 40, 300, 850, 10_000]
    steps = [TrainingLength().steps_of_block(count) for count in images]
    assert steps[0] == steps[1] < steps[2] < steps[3] < steps[4] == TrainingLength().block_steps
    assert steps[3] * 32 == pytest.approx(11 * 850, abs=32)
    assert {TrainingLength(block_steps=4).steps_of_block(count) for count in images} == {4}
