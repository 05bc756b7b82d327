"""The loop that trains a classifier on labelled images."""

import collections
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.artifacts.snapshots import part
from amc.data.augment import Augmentation
from amc.data.images import Images
from amc.pruning.inference_form import channels_last
from amc.pruning.slicing import restore_tensors, stored_tensors
from amc.scoring.metrics import moved_inputs
from amc.training.distillation import Distillation
from amc.training.learning_rate import MOMENTUM, SCHEDULES
from amc.utils.errors import UserError
from amc.utils.precision import PRECISIONS, find_precision
from amc.utils.registry import look_up
from amc.utils.safe_backward import safe_backward

NETWORK, VELOCITY, RANDOM, RANDOM_AT_EPOCH = "network.", "velocity.", "random.", "random_at_epoch."
POSITION, LOSS = "position", "loss"


class DivergedError(UserError):
    """The loss of a training is no longer a finite number, as with a learning rate that is too high."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD with Nesterov momentum.

    Attributes:
        epochs: The number of passes over the training images.
        batch_size: The number of images of a step.
        learning_rate: The learning rate at its peak.
        weight_decay: The L2 penalty on every parameter.
        label_smoothing: The share of the target that is spread over all classes, in [0, 1].
        augmentation: The random changes of the images.
        seed: The seed of the order and the changes of the images.
        precision: The number format of the forward pass (`amc.utils.precision`); weights and their updates stay in
            float32.
        schedule: The schedule of the learning rate, a name in `amc.training.learning_rate.SCHEDULES`.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    augmentation: Augmentation
    seed: int
    precision: str = "float32"
    schedule: str = "one_cycle"


class Training:
    """The training of one network. It can be stopped after any step, and resumed by another process.

    Dropout draws from torch's global generator, whose state belongs to that of the training.

    Args:
        model: The network, which is changed.
        images: The training images: one input each, and a class as target.
        recipe: How the network is trained.
        device: The device of the network.
        distillation: The teacher, if the network learns from one as well.

    Attributes:
        epoch: The number of whole epochs so far.
        steps: The number of batches so far.

    Raises:
        UserError: The schedule or the precision is unknown.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Images,
        recipe: Recipe,
        device: torch.device,
        distillation: Distillation | None = None,
    ) -> None:
        self._schedule = look_up("schedule", recipe.schedule, SCHEDULES)
        self._precision = PRECISIONS[find_precision(recipe.precision, device)]
        self._model = channels_last(model)
        self._images = images
        self._recipe = recipe
        self._device = device
        self._distillation = distillation
        self._optimizer = torch.optim.SGD(
            model.parameters(), recipe.learning_rate, MOMENTUM, weight_decay=recipe.weight_decay, nesterov=True
        )
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self._random_at_epoch = self._random()
        self._loss = torch.zeros((), device=device)  # of the epoch so far, summed over its images
        self._seen = 0  # images of the epoch so far
        self._batches = 0  # and batches
        self.epoch = 0
        self.steps = 0

    @property
    def done(self) -> float:
        """The share of the training that is done, in [0, 1]."""
        return min(1.0, (self.epoch + self._seen / len(self._images)) / self._recipe.epochs)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return self._recipe.learning_rate * self._schedule(self.done).rate

    @property
    def mean_loss(self) -> float:
        """The mean loss over the images of the epoch so far."""
        return self._loss.item() / max(self._seen, 1)

    def rest_of_epoch(self) -> Iterator[float]:
        """Take the steps that are left of the epoch, and yield the loss of each.

        The network is in training mode while it runs, and in evaluation mode once it is over.

        Raises:
            DivergedError: The loss is no longer finite.
            UserError: An image can't be read, or the network is no classifier of what
                the images give.
        """
        self._model.train()
        for inputs, targets in self._batches_left():
            self._batches += 1
            self.steps += 1
            if len(targets) < 2 < len(self._images):
                continue  # a batch norm has no statistics of a single image
            loss = self._step(inputs, targets)
            self._loss += loss * len(targets)
            self._seen += len(targets)
            value = loss.item()
            if not math.isfinite(value):
                raise DivergedError(f"the loss is {value} at step {self._batches} of epoch {self.epoch + 1}")
            yield value
        self._model.eval()

    def next_epoch(self) -> None:
        """Begin the next epoch, once this one is over."""
        self.epoch += 1
        self._random_at_epoch = self._random()
        self._loss.zero_()
        self._batches = self._seen = 0

    def state(self) -> dict[str, Tensor]:
        """All tensors that the rest of the training depends on, by name; they are not copies."""
        velocities = {
            f"{VELOCITY}{name}": self._optimizer.state[parameter]["momentum_buffer"]
            for name, parameter in self._model.named_parameters()
            if parameter in self._optimizer.state
        }
        return {
            POSITION: torch.tensor([self.epoch, self.steps, self._batches, self._seen]),
            LOSS: self._loss,
            **{f"{NETWORK}{name}": tensor for name, tensor in stored_tensors(self._model).items()},
            **velocities,
            **{f"{RANDOM}{name}": state for name, state in self._random().items()},
            **{f"{RANDOM_AT_EPOCH}{name}": state for name, state in self._random_at_epoch.items()},
        }

    def set_state(self, state: Mapping[str, Tensor]) -> None:
        """Resume a training of the same network, images and recipe from its `state`."""
        self.epoch, self.steps, self._batches, self._seen = state[POSITION].tolist()
        self._loss.copy_(state[LOSS])
        restore_tensors(self._model, part(state, NETWORK))
        velocities = part(state, VELOCITY)
        for name, parameter in self._model.named_parameters():
            if name in velocities:
                velocity = torch.empty_like(parameter, requires_grad=False).copy_(velocities[name])
                self._optimizer.state[parameter]["momentum_buffer"] = velocity
        self._random_at_epoch = part(state, RANDOM_AT_EPOCH)
        self._set_random(part(state, RANDOM))

    def _batches_left(self) -> Iterator[tuple[Any, Any]]:
        """The batches of the epoch without those that were used.

        They follow from the random states at its start, a `DataLoader`'s too.
        """
        now = self._random()
        self._set_random(self._random_at_epoch)
        order = int(torch.randint(2**31, (), generator=self._generator))
        batches = self._images.batches(self._recipe.batch_size, shuffle_seed=order)
        if self._batches:
            collections.deque(itertools.islice(batches, self._batches), maxlen=0)
            self._set_random(now)
        return batches

    def _step(self, inputs: Any, targets: Any) -> Tensor:
        if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor) or targets.ndim != 1:
            raise UserError(
                "expected batches of one input and one class number for each image; nothing else is trained"
            )
        recipe = self._recipe
        value = self._schedule(self.done)
        for group in self._optimizer.param_groups:
            group["lr"], group["momentum"] = recipe.learning_rate * value.rate, value.momentum
        inputs = moved_inputs(recipe.augmentation(inputs, self._generator), self._device)
        targets = targets.to(self._device)
        with torch.autocast(self._device.type, self._precision, enabled=self._precision != torch.float32):
            outputs = self._model(inputs)
            if not isinstance(outputs, Tensor) or outputs.ndim != 2:
                raise UserError("expected one row of class scores for each image; no other networks are trained")
            loss = F.cross_entropy(outputs.float(), targets, label_smoothing=recipe.label_smoothing)
            if self._distillation is not None:
                loss = self._distillation.loss(loss, inputs, outputs.float())
        self._optimizer.zero_grad()
        with safe_backward():
            loss.backward()
        self._optimizer.step()
        return loss.detach()

    def _random(self) -> dict[str, Tensor]:
        """The states of all random generators that the training draws from, by name."""
        states = {"images": self._generator.get_state(), "cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return states

    def _set_random(self, states: Mapping[str, Tensor]) -> None:
        self._generator.set_state(states["images"])
        torch.set_rng_state(states["cpu"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self._device)
