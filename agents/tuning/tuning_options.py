"""The options of a fine-tuning."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from amc.training.objectives import Loss, find_loss
from amc.training.recipe_options import RecipeOptions, check
from amc.training.training_loop import Recipe
from amc.utils.precision import AUTO
from amc.utils.registry import name_of


@dataclass(frozen=True, kw_only=True)
class TuningOptions(RecipeOptions):
    """How a compact network is trained further; the defaults suit most networks.

    Attributes:
        distillation: The share of the loss that the original network's outputs have, in [0, 1].
        temperature: The divisor of a classifier's outputs for soft targets: the higher, the more the less likely
            classes count.
        loss: What is minimised beside the distance from the original's outputs, as `amc.training.objectives.find_loss`
            takes it; None for the cross-entropy of classifiers, and for other networks nothing.

    Raises:
        UserError: A value that is of another type, out of its range or not known.
    """

    epochs: int = 10
    lr: float | None = None
    batch_size: int = 128
    distillation: float = 0.9
    temperature: float = 4.0
    loss: str | Loss | None = None

    def __post_init__(self) -> None:
        """Check that all values are known, of their types and in their ranges."""
        super().__post_init__()
        check("distillation", self.distillation, 0 <= self.distillation <= 1, "from 0 to 1")
        check("temperature", self.temperature, self.temperature > 0, "above 0")
        if self.loss is not None:
            find_loss(self.loss)

    def recipe(self, seed: int) -> Recipe:
        """The recipe of the training; `auto` is float32 for a loss of the user's own, which may decode boxes."""
        recipe = super().recipe(seed)
        return replace(recipe, precision="float32") if self.loss is not None and self.precision == AUTO else recipe

    @property
    def recorded(self) -> dict[str, Any]:
        """The options by name, as files hold them."""
        return asdict(self) | {"loss": None if self.loss is None else name_of(self.loss)}
