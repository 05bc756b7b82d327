"""A little training between two stages of a search."""

from __future__ import annotations

import math

import torch
from torch import nn

from amc.data.augment import Augmentation
from amc.task import Task
from amc.training.distillation import Distillation
from amc.training.training_loop import Recipe, Training

BATCH = 128
LEARNING_RATE = 0.02
WEIGHT_DECAY = 5e-4
TEMPERATURE = 4.0
SOFT = 0.9
"""Share of the original network's outputs in the loss."""


def tune(network: nn.Module, task: Task, steps: int, seed: int) -> None:
    """Train a compact network of `task` on the training images, in place; it ends in evaluation mode.

    It learns from the outputs of the original network, too.

    Args:
        network: A classifier.
        task: Where its images are.
        steps: Batches of 128 images: a part of an epoch, or several.
        seed: Of the order of the images, and of which there are where it is a part.

    Raises:
        UserError: the loss is no longer finite, or it is no classifier.
    """
    torch.manual_seed(seed)  # of dropout
    images = task.splits.train
    epochs = math.ceil(steps * BATCH / len(images))
    recipe = Recipe(
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        label_smoothing=0.0,
        augmentation=Augmentation(crop_padding=0, flip=False),
        seed=seed,
        precision="auto",
    )
    part = images.take(min(len(images), steps * BATCH // epochs), seed)
    soft = Distillation(task.origin.model, TEMPERATURE, SOFT)
    training = Training(network.to(task.device), part, recipe, task.device, soft)
    while training.epoch < epochs:
        for _ in training.rest_of_epoch():
            pass
        training.next_epoch()
