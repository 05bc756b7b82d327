"""The recipe of a training, made from its options."""

from __future__ import annotations

import torch

from amc.data.augment import Augmentation
from amc.scoring.precision import find_precision
from amc.training.learning_rate import SCHEDULES
from amc.training.training_loop import Recipe
from amc.utils.registry import look_up
from scripts.options.training_options import TrainingOptions


def check_training(options: TrainingOptions) -> None:
    """Raise a UserError for a value that is out of its range or not known."""
    options.check()
    look_up("schedule", options.schedule, SCHEDULES)
    find_precision(options.precision, torch.device("cpu"))


def recipe_of(options: TrainingOptions, seed: int) -> Recipe:
    """The recipe that the options describe, with the seed of its random numbers."""
    return Recipe(
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.lr,
        weight_decay=options.weight_decay,
        label_smoothing=options.label_smoothing,
        augmentation=Augmentation(options.crop_padding, options.flip),
        seed=seed,
        precision=options.precision,
        schedule=options.schedule,
    )
