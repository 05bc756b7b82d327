"""Training a classifier from labelled images."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from amc.data.augment import Augmentation
from amc.data.images import Images
from amc.errors import UserError
from amc.inference import channels_last
from amc.registry import look_up

MOMENTUM = 0.9
WARM_UP = 0.2  # of all steps, until the learning rate is at its peak
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD with Nesterov momentum, one cycle of the learning rate.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step.
        learning_rate: at its peak (Smith and Topin 2018, arXiv:1708.07120).
        weight_decay: L2 penalty on every parameter.
        label_smoothing: share of the target that is spread over all classes, in [0, 1].
        augmentation: random changes of the images.
        seed: of the order and the changes of the images.
        precision: of the forward pass (`float32` or `bfloat16`); weights and their updates stay in float32.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    augmentation: Augmentation
    seed: int
    precision: str = "float32"


def train(model: nn.Module, images: Images, recipe: Recipe, device: torch.device) -> Iterator[float]:
    """Train `model`, which is changed, on `device`; yields the mean loss of each epoch.

    The model is in training mode while an epoch runs and in eval mode whenever one is yielded.

    Raises:
        UserError: the loss is no longer finite, an image can't be read, or an unknown precision.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    precision = look_up("precision", recipe.precision, PRECISIONS)
    channels_last(model)
    optimizer = torch.optim.SGD(
        model.parameters(),
        recipe.learning_rate,
        momentum=MOMENTUM,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    steps = recipe.epochs * math.ceil(len(images) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, steps, pct_start=WARM_UP)
    for epoch in range(recipe.epochs):
        model.train()
        total = torch.zeros((), device=device)
        order = int(torch.randint(2**31, (), generator=generator))
        for inputs, targets in images.batches(recipe.batch_size, shuffle_seed=order):
            if len(inputs) < 2 < len(images):
                continue  # a batch norm has no statistics of a single image
            inputs = recipe.augmentation(inputs, generator).to(device, memory_format=torch.channels_last)
            targets = targets.to(device)
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                outputs = model(inputs)
            loss = F.cross_entropy(outputs.float(), targets, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach() * len(inputs)
        mean_loss = total.item() / len(images)
        if not math.isfinite(mean_loss):
            raise UserError(f"the loss is {mean_loss} after {epoch + 1} epochs; lower the learning rate")
        model.eval()
        yield mean_loss
