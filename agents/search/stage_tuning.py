"""The short training between two stages of a search."""

from __future__ import annotations

import math

import torch
from torch import nn

from amc.data.augment import Augmentation
from amc.task import Task
from amc.training.distillation import Distillation
from amc.training.objectives import ClassObjective
from amc.training.training_loop import Recipe, Training

BATCH = 128
LEARNING_RATE = 0.02
WEIGHT_DECAY = 5e-4
TEMPERATURE = 4.0
SOFT = 0.9
"""The share that the original network's outputs have in the loss."""


def tune(network: nn.Module, task: Task, steps: int, seed: int) -> None:
    """Train a compact network of `task` on the training images, in place; it ends in evaluation mode.

    The network learns from the outputs of the original network, too.

    Args:
        network: A classifier.
        task: The task that the network was pruned in, which has the images and the original network.
        steps: The number of batches of 128 images: a part of an epoch, or several epochs.
        seed: The seed of the order of the images, and of the choice of images for a part of an epoch.

    Raises:
        UserError: The loss is no longer finite, or the network is no classifier.
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
    objective = ClassObjective(distillation=Distillation(task.origin.model, TEMPERATURE, SOFT))
    training = Training(network.to(task.device), part, recipe, task.device, objective)
    while training.epoch < epochs:
        for _ in training.rest_of_epoch():
            pass
        training.next_epoch()
