import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from amc.data.augment import Augmentation
from amc.data.resident import ResidentImages
from amc.training import rate_test as tested_module
from amc.training.objectives import ClassObjective, UserObjective
from amc.training.rate_test import rate_test
from amc.training.training_loop import Recipe
from amc.utils.errors import UserError
from amc.utils.registry import UserFunction

pytestmark = pytest.mark.backward
CPU = torch.device("cpu")
RECIPE = Recipe(10, 16, 0.0, 0.0, 0.0, Augmentation(0, flip=False), seed=0)


def images(count: int, seed: int) -> ResidentImages:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 4, generator=generator)
    return ResidentImages(inputs, (inputs[:, 0] > 0).long())


class Steep(nn.Module):
    """A network whose loss is a parabola of its only weight: gradient descent diverges above a rate of 2 / `slope`."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope, self.weight = slope, nn.Parameter(torch.ones(1))

    def forward(self) -> Tensor:
        return self.slope * self.weight.square().sum() / 2


def parabola(model: nn.Module, *_: Any) -> Any:
    return model()


@pytest.mark.parametrize("slope", [0.1, 10.0, 1000.0])
def test_the_best_rate_is_the_one_that_gets_lowest(monkeypatch: pytest.MonkeyPatch, slope: float) -> None:
    """Plain descent from 1 at a rate `r` gets to `(1 - r * slope) ** steps`, but for momentum and schedule."""
    monkeypatch.setitem(tested_module.RATES, "adam", (1.0, 0.1, 0.01, 0.001))
    monkeypatch.setattr(UserObjective, "optimizer", "sgd")
    monkeypatch.setitem(tested_module.RATES, "sgd", (1.0, 0.1, 0.01, 0.001))
    objective = UserObjective(UserFunction("loss", "parabola", parabola))
    network = Steep(slope)
    found = rate_test(network, images(64, 0), images(32, 1), RECIPE, objective, CPU)
    assert network.weight == 1
    losses = {each.rate: each.loss for each in found.tested}
    assert losses[found.best] == min(losses.values()) < slope / 2
    assert found.best * slope < 4
    if slope == 1000:
        assert losses[1.0] > losses[0.001]
    if slope == 0.1:
        assert found.best == 1.0
    assert f"learning rate {found.best:g} by a short test (loss on 32 reward images after 8 steps" in str(found)


def test_nothing_that_a_training_draws_is_used_up_and_divergence_is_no_error() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tested_module.RATES, "sgd", (1e30, 0.1))
        found = rate_test(network, images(64, 0), images(600, 1), RECIPE, ClassObjective(), CPU)
    assert [each.rate for each in found.tested] == [1e30, 0.1]
    assert found.tested[0].loss == math.inf
    assert found.best == 0.1
    assert (found.steps, found.images) == (8, 500)
    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in network.state_dict().items():
        assert torch.equal(before[name], tensor)
    again = rate_test(
        network, images(64, 0), images(600, 1), dataclasses.replace(RECIPE, epochs=60), ClassObjective(), CPU
    )
    assert again.steps == 24  # a tenth of 60 epochs of 4 steps


def test_where_no_rate_is_small_enough_none_is_taken() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tested_module.RATES, "sgd", (1e30, 1e25))
        with pytest.raises(UserError, match=r"diverged .* at each learning rate from 1e\+30 to 1e\+25; .* lr"):
            rate_test(
                nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)),
                images(64, 0),
                images(32, 1),
                RECIPE,
                ClassObjective(),
                CPU,
            )
