"""The loop that trains a network on images."""

import collections
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from amc.artifacts.snapshots import part
from amc.data.augment import Augmentation
from amc.data.images import Images
from amc.graph.inputs import batch_size
from amc.pruning.inference_form import lay_out
from amc.pruning.slicing import restore_tensors, stored_tensors
from amc.scoring.metrics import moved_inputs
from amc.training.learning_rate import SCHEDULES
from amc.training.objectives import ClassObjective, Objective
from amc.training.optimizers import OPTIMIZERS, optimizer_state, set_optimizer_state, set_step
from amc.training.training_errors import errors_told
from amc.utils.errors import UserError
from amc.utils.precision import PRECISIONS, find_precision
from amc.utils.registry import look_up
from amc.utils.safe_backward import safe_backward

NETWORK, AVERAGE, RANDOM, RANDOM_AT_EPOCH = "network.", "average.", "random.", "random_at_epoch."
POSITION, LOSS = "position", "loss"


class DivergedError(UserError):
    """The loss of a training is no longer a finite number, as with a learning rate that is too high."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: The number of passes over the training images.
        batch_size: The number of images of a batch.
        learning_rate: The learning rate at its peak.
        weight_decay: The L2 penalty on every parameter.
        label_smoothing: The share of the target that is spread over all classes, in [0, 1].
        augmentation: The random changes of the images.
        seed: The seed of the order and the changes of the images.
        precision: The number format of the forward pass (`amc.utils.precision`); weights and their updates stay in
            float32.
        schedule: The schedule of the learning rate, a name in `amc.training.learning_rate.SCHEDULES`.
        accumulate: The number of batches of a step, whose gradients are summed.
        ema: The decay of the exponential moving average of all weights and statistics, in [0, 1); 0 for none.
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
    accumulate: int = 1
    ema: float = 0.0


class Training:
    """The training of one network. It can be stopped after any step, and resumed by another process.

    Dropout draws from torch's global generator, whose state belongs to that of the training.

    Args:
        model: The network, which is changed.
        images: The training images, with the targets that the objective is for.
        recipe: How the network is trained.
        device: The device of the network.
        objective: What is minimised; None for the cross-entropy of classes.

    Attributes:
        epoch: The number of whole epochs so far.
        steps: The number of steps so far.

    Raises:
        UserError: The schedule or the precision is unknown, or the network can't be trained.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Images,
        recipe: Recipe,
        device: torch.device,
        objective: Objective | None = None,
    ) -> None:
        self._schedule = look_up("schedule", recipe.schedule, SCHEDULES)
        self._precision = PRECISIONS[find_precision(recipe.precision, device)]
        self._model = lay_out(model)
        self._images = images
        self._recipe = recipe
        self._device = device
        self._objective = objective or ClassObjective(recipe.label_smoothing)
        with errors_told(model):
            self._optimizer = OPTIMIZERS[self._objective.optimizer](model.parameters(), recipe.weight_decay)
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self._random_at_epoch = self._random()
        self._loss = torch.zeros((), device=device)  # of the epoch so far, summed over its images
        self._average = {name: each.clone() for name, each in stored_tensors(model).items()} if recipe.ema else {}
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
            UserError: An image can't be read, the network or the targets are not what the objective is for, or the
                network can't be trained.
        """
        self._objective.prepare(self._model)
        batches = self._batches_left()
        while together := list(itertools.islice(batches, self._recipe.accumulate)):
            usable = self._usable(together)
            self._batches += len(together)
            self.steps += 1
            if not usable:
                continue
            loss, count = self._step(usable), sum(batch_size(inputs) for inputs, _ in usable)
            self._loss += loss * count
            self._seen += count
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
        return {
            POSITION: torch.tensor([self.epoch, self.steps, self._batches, self._seen]),
            LOSS: self._loss,
            **{f"{NETWORK}{name}": tensor for name, tensor in stored_tensors(self._model).items()},
            **{f"{AVERAGE}{name}": tensor for name, tensor in self._average.items()},
            **optimizer_state(self._optimizer, self._model),
            **{f"{RANDOM}{name}": state for name, state in self._random().items()},
            **{f"{RANDOM_AT_EPOCH}{name}": state for name, state in self._random_at_epoch.items()},
        }

    def set_state(self, state: Mapping[str, Tensor]) -> None:
        """Resume a training of the same network, images and recipe from its `state`."""
        self.epoch, self.steps, self._batches, self._seen = state[POSITION].tolist()
        self._loss.copy_(state[LOSS])
        restore_tensors(self._model, part(state, NETWORK))
        for name, tensor in part(state, AVERAGE).items():
            self._average[name].copy_(tensor)
        set_optimizer_state(self._optimizer, self._model, state)
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

    def _usable(self, batches: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """The batches of a step but for a single image that is left over, of which a batch norm has no statistics.

        Where all batches are of one image, as of a loader of images of several sizes, these are what there is.
        """
        sizes = [batch_size(inputs) for inputs, _ in batches]
        are_larger = self._seen > self._batches or max(sizes) > 1
        return [batch for batch, size in zip(batches, sizes, strict=True) if size > 1 or not are_larger]

    def _step(self, batches: Sequence[tuple[Any, Any]]) -> Tensor:
        """Take one step by the mean gradient over the images of all batches, and return their mean loss."""
        set_step(self._optimizer, self._recipe.learning_rate, self._schedule(self.done))
        count = sum(batch_size(inputs) for inputs, _ in batches)
        total = torch.zeros((), device=self._device)
        self._optimizer.zero_grad()
        for given in batches:
            inputs, targets = self._recipe.augmentation(*given, self._generator)
            inputs, targets = moved_inputs(inputs, self._device), moved_inputs(targets, self._device)
            with errors_told(self._model):
                with torch.autocast(self._device.type, self._precision, enabled=self._precision != torch.float32):
                    loss = self._objective(self._model, inputs, targets) * (batch_size(inputs) / count)
                with safe_backward():
                    loss.backward()
            total += loss.detach()
        self._optimizer.step()
        self._update_average()
        return total

    def _update_average(self) -> None:
        """Move the average towards the network, by more in the first steps, so that it forgets where it began."""
        decay = min(self._recipe.ema, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, tensor in stored_tensors(self._model).items() if self._average else ():
                average = self._average[name]
                average.lerp_(tensor, 1 - decay) if average.is_floating_point() else average.copy_(tensor)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the network have its averaged weights while the context is open, where an average is taken."""
        if not self._average:
            yield
            return
        own = {name: tensor.clone() for name, tensor in stored_tensors(self._model).items()}
        restore_tensors(self._model, self._average)
        try:
            yield
        finally:
            restore_tensors(self._model, own)

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
