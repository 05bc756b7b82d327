"""The options of every training."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.options.option_types import Name, Share


@dataclass(frozen=True)
class TrainingOptions:
    """The recipe by which a network is trained."""

    epochs: int = 100
    """Passes over the training images."""
    batch_size: int = 32
    """Images per batch."""
    lr: float | None = 0.1
    """Learning rate at its peak."""
    schedule: Name = "one_cycle"
    """How the learning rate changes: one_cycle (up for a fifth of the steps, then down) or cosine (down)."""
    weight_decay: float = 5e-4
    """L2 penalty on all parameters."""
    label_smoothing: Share = 0.0
    """Share of each target that is spread over all classes, from 0 to 1."""
    crop_padding: int = 1
    """Largest random shift of training images, in pixels (4 is common for CIFAR-10)."""
    flip: bool = False
    """Mirror half of the training images left to right (for photographs)."""
    precision: Name = "auto"
    """Number format of the forward pass: float32, bfloat16, or auto for bfloat16 where the machine computes with it."""
    accumulate: int = 1
    """Batches per step, whose gradients are summed."""
    ema: float = 0.0
    """Decay of the exponential moving average of the weights that is scored and kept, such as 0.99; 0 for none."""
