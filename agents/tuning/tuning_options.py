"""The options of a fine-tuning, and the recipe that they make."""

from __future__ import annotations

from dataclasses import dataclass

from amc.data.augment import Augmentation
from amc.training.training_loop import Recipe
from amc.utils.errors import UserError
from amc.utils.option_names import option


@dataclass(frozen=True)
class TuningOptions:
    """How a compact network is trained further; the defaults suit most networks.

    Attributes:
        epochs: The number of passes over the training images.
        lr: The learning rate at its peak.
        batch_size: The number of images of a step.
        schedule: How the learning rate changes: `one_cycle` (up for a fifth of the steps, then down) or `cosine`.
        weight_decay: The L2 penalty on all parameters.
        label_smoothing: The share of each target that is spread over all classes, in [0, 1].
        crop_padding: The largest random shift of training images, in pixels; 4 is common for CIFAR-10.
        flip: Whether half of the training images are mirrored left to right, as suits photographs.
        distillation: The share of the loss that the original network's outputs have as soft targets, in [0, 1].
        temperature: The divisor of the outputs for soft targets.
        precision: The number format of the forward pass: `float32`, `bfloat16`, or `auto` for bfloat16 where the
            machine computes with it.

    Raises:
        UserError: A value that is out of its range.
    """

    epochs: int = 10
    lr: float = 0.02
    batch_size: int = 128
    schedule: str = "one_cycle"
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    crop_padding: int = 1
    flip: bool = False
    distillation: float = 0.9
    temperature: float = 4.0
    precision: str = "auto"

    def __post_init__(self) -> None:
        """Check that all values are in their ranges."""
        for name in ("epochs", "lr", "batch_size", "temperature"):
            if not getattr(self, name) > 0:
                raise UserError(f"expected {option(name)} above 0, got {getattr(self, name)}")
        for name in ("weight_decay", "crop_padding"):
            if not getattr(self, name) >= 0:
                raise UserError(f"expected {option(name)} of 0 or more, got {getattr(self, name)}")
        for name in ("label_smoothing", "distillation"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"expected {option(name)} from 0 to 1, got {getattr(self, name)}")

    def recipe(self, seed: int) -> Recipe:
        """The recipe of the training, with the seed of its random numbers."""
        return Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.lr,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            augmentation=Augmentation(self.crop_padding, self.flip),
            seed=seed,
            precision=self.precision,
            schedule=self.schedule,
        )
