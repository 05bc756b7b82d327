"""The options by which users choose how a network is trained, and the recipe that they make."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from amc.data.augment import Augmentation
from amc.training.learning_rate import SCHEDULES
from amc.training.training_loop import Recipe
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.option_values import check_types
from amc.utils.precision import find_precision
from amc.utils.registry import look_up


@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """How a network is trained, in numbers and words that a user gives.

    Attributes:
        epochs: The number of passes over the training images.
        lr: The learning rate at its peak; None where a short test finds it.
        batch_size: The number of images of a batch.
        schedule: How the learning rate changes: `one_cycle` (up for a fifth of the steps, then down) or `cosine`.
        weight_decay: The L2 penalty on all parameters.
        label_smoothing: The share of each target that is spread over all classes, in [0, 1].
        crop_padding: The largest random shift of training images, in pixels; 4 is common for CIFAR-10.
        flip: Whether half of the training images are mirrored left to right, as suits photographs.
        precision: The number format of the forward pass: `float32`, `bfloat16`, or `auto` for bfloat16 where the
            machine computes with it.
        accumulate: The number of batches of a step, whose gradients are summed.
        ema: The decay of the exponential moving average of the weights that is scored and kept, in [0, 1); 0 for none.

    Raises:
        UserError: A value that is of another type, out of its range or not known.
    """

    epochs: int
    lr: float | None
    batch_size: int
    schedule: str = "one_cycle"
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    crop_padding: int = 1
    flip: bool = False
    precision: str = "auto"
    accumulate: int = 1
    ema: float = 0.0

    def __post_init__(self) -> None:
        """Check that all values are known, of their types and in their ranges."""
        check_types(self)
        for name in ("epochs", "batch_size", "lr", "accumulate"):
            value = getattr(self, name)
            check(name, value, value is None or value > 0, "above 0")
        for name in ("weight_decay", "label_smoothing", "crop_padding"):
            check(name, getattr(self, name), getattr(self, name) >= 0, "of 0 or more")
        check("label_smoothing", self.label_smoothing, self.label_smoothing <= 1, "of 1 or less")
        check("ema", self.ema, 0 <= self.ema < 1, "from 0 to below 1")
        look_up("schedule", self.schedule, SCHEDULES)
        find_precision(self.precision, torch.device("cpu"))

    def recipe(self, seed: int) -> Recipe:
        """The recipe of the training, with the seed of its random numbers."""
        return Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.lr or 0.0,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            augmentation=Augmentation(self.crop_padding, self.flip),
            seed=seed,
            precision=self.precision,
            schedule=self.schedule,
            accumulate=self.accumulate,
            ema=self.ema,
        )


def check(name: str, value: object, is_in_range: bool, expected: str) -> None:
    """Raise a UserError that says what was expected of an option, unless its value is in its range."""
    if not is_in_range:
        raise UserError(f"expected {option(name)} {expected}, got {value}")
