"""The options of a fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from amc.training.recipe_options import RecipeOptions, check


@dataclass(frozen=True, kw_only=True)
class TuningOptions(RecipeOptions):
    """How a compact network is trained further; the defaults suit most networks.

    Attributes:
        distillation: The share of the loss that the original network's outputs have as soft targets, in [0, 1].
        temperature: The divisor of the outputs for soft targets: the higher, the more the less likely classes count.

    Raises:
        UserError: A value that is out of its range or not known.
    """

    epochs: int = 10
    lr: float = 0.02
    batch_size: int = 128
    distillation: float = 0.9
    temperature: float = 4.0

    def __post_init__(self) -> None:
        """Check that all values are known and in their ranges."""
        super().__post_init__()
        check("distillation", self.distillation, 0 <= self.distillation <= 1, "from 0 to 1")
        check("temperature", self.temperature, self.temperature > 0, "above 0")
