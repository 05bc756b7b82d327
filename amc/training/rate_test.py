"""The learning rate of a training, found by short trainings at several rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from amc.data.images import Images
from amc.graph.inputs import batch_size
from amc.scoring.metrics import Batches, moved_inputs
from amc.training.objectives import Objective
from amc.training.optimizers import ADAM, SGD
from amc.training.training_loop import DivergedError, Recipe, Training
from amc.utils.copying import copy_network
from amc.utils.device import forked_random_numbers
from amc.utils.errors import UserError
from amc.utils.option_names import option

RATES = {SGD: (0.05, 0.02, 0.008, 0.003, 0.001), ADAM: (3e-3, 1e-3, 3e-4, 1e-4)}
"""The rates that are tried, by optimiser."""
LEAST_STEPS, MOST_STEPS = 8, 40
"""The least and the most steps at each rate; between them, a tenth of the training."""
HELD_OUT = 500
"""The number of images that the loss is taken on, at the most."""


@dataclass(frozen=True)
class TestedRate:
    """A learning rate, and the mean loss on held-out images after the steps at it; infinite where they diverged."""

    rate: float
    loss: float


@dataclass(frozen=True)
class RateTest:
    """The rates that were tried, and how long each was.

    Attributes:
        steps: The number of steps at each rate.
        images: The number of held-out images.
        tested: The rates with their losses.
    """

    steps: int
    images: int
    tested: tuple[TestedRate, ...]

    @property
    def best(self) -> float:
        """The rate of the least loss."""
        return min(self.tested, key=lambda each: each.loss).rate

    def __str__(self) -> str:
        """Return the test in a line."""
        losses = ", ".join(f"{each.rate:g}: {each.loss:.4g}" for each in self.tested)
        how = f"loss on {self.images:,} reward images after {self.steps} steps at each"
        return f"learning rate {self.best:g} by a short test ({how}: {losses})"


def rate_test(
    network: nn.Module, images: Images, held_out: Images, recipe: Recipe, objective: Objective, device: torch.device
) -> RateTest:
    """Train copies of a network for some steps at several rates, each by the whole schedule, and compare their losses.

    Args:
        network: The network on the device, which is left as it is.
        images: The training images.
        held_out: The images whose loss decides.
        recipe: How the network will be trained; its rate is not looked at.
        objective: What is minimised.
        device: The device.

    Raises:
        UserError: No rate leads to a finite loss, or what a training raises.
    """
    per_step = recipe.batch_size * recipe.accumulate
    steps = min(max(recipe.epochs * len(images) // per_step // 10, LEAST_STEPS), MOST_STEPS)
    epochs = math.ceil(steps * per_step / len(images))
    part = images.take(min(len(images), math.ceil(steps * per_step / epochs)), recipe.seed)
    held_out = held_out.take(min(len(held_out), HELD_OUT), recipe.seed)
    tested = []
    for rate in RATES[objective.optimizer]:
        trained = copy_network(network)
        short = replace(recipe, epochs=epochs, learning_rate=rate)
        with forked_random_numbers(device):
            loss = _loss_after(
                Training(trained, part, short, device, objective),
                trained,
                held_out.batches(recipe.batch_size),
                objective,
                device,
            )
        tested.append(TestedRate(rate, loss))
    if not any(math.isfinite(each.loss) for each in tested):
        raise UserError(
            f"the training diverged within {steps} steps at each learning rate from {max(RATES[objective.optimizer]):g}"
            f" to {min(RATES[objective.optimizer]):g}; check the images and their classes, or give"
            f" {option('lr')}"
        )
    return RateTest(steps, len(held_out), tuple(tested))


def _loss_after(
    training: Training, network: nn.Module, held_out: Batches, objective: Objective, device: torch.device
) -> float:
    try:
        while training.done < 1:
            for _ in training.rest_of_epoch():
                pass
            training.next_epoch()
    except DivergedError:
        return math.inf
    objective.prepare(network)
    for module in network.modules():  # batch norms and dropout are as they will be in use
        if not any(True for _ in module.children()):
            module.eval()
    losses: list[float] = []
    sizes: list[int] = []
    with torch.no_grad():
        for inputs, targets in held_out:
            losses.append(float(objective(network, moved_inputs(inputs, device), moved_inputs(targets, device))))
            sizes.append(batch_size(inputs))
    mean = _mean(losses, sizes)
    return mean if math.isfinite(mean) else math.inf


def _mean(losses: Sequence[float], sizes: Sequence[int]) -> float:
    return sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
