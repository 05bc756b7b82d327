"""What a network is trained for: true classes, the original's outputs, a user's own loss, or a mixture of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.data.targets import class_numbers
from amc.graph.inputs import Example, clone_inputs, feed
from amc.graph.raw_heads import RawHeads, comparable_outputs, recorded_outputs
from amc.recovery.output_distance import OutputKinds, output_distance
from amc.training.distillation import Distillation
from amc.training.optimizers import ADAM, SGD
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import UserFunction, resolve, takes

Loss = Callable[[nn.Module, Any, Any], Any]
"""A function from a network in training mode, inputs and targets to a scalar, or to several by name to be summed."""
CALLED = (
    "a loss is called with the network, inputs and targets, and returns a number with gradients, or several by name"
)
"""How messages say what a loss of a user's own is given."""


class Objective(Protocol):
    """What is minimised, and by which optimiser, a name in `amc.training.optimizers.OPTIMIZERS`."""

    @property
    def optimizer(self) -> str:
        """The name of the optimiser."""
        ...

    def prepare(self, model: nn.Module) -> None:
        """Bring a network into the mode in which it is trained."""
        ...

    def __call__(self, model: nn.Module, inputs: Example, targets: Any) -> Tensor:
        """Return the loss of a batch, a scalar.

        Raises:
            UserError: The network, or the targets, are others than the objective is for.
        """
        ...


@dataclass(frozen=True, eq=False)
class ClassObjective:
    """The cross-entropy of classifiers, with the soft targets of a teacher beside it.

    Attributes:
        label_smoothing: The share of each target that is spread over all classes, in [0, 1].
        distillation: The teacher, if the network learns from one as well.
    """

    label_smoothing: float = 0.0
    distillation: Distillation | None = None
    optimizer: ClassVar[str] = SGD

    def prepare(self, model: nn.Module) -> None:
        """Bring all modules into training mode."""
        model.train()

    def __call__(self, model: nn.Module, inputs: Example, targets: Any) -> Tensor:
        """Return the loss of inputs `(n, ...)` each and classes `(n,)`."""
        if not isinstance(targets, Tensor) or targets.ndim != 1:
            raise UserError("expected batches with one class number for each image to train a classifier")
        outputs = feed(model, inputs)
        if not isinstance(outputs, Tensor) or outputs.ndim != 2:
            raise UserError("expected one row of class scores for each image to train a classifier")
        loss = F.cross_entropy(outputs.float(), class_numbers(targets), label_smoothing=self.label_smoothing)
        if self.distillation is not None:
            loss = self.distillation.loss(loss, inputs, outputs.float())
        return loss


@dataclass(frozen=True, eq=False)
class Imitation:
    """The distance from the original's outputs, whatever they are; targets are not read.

    Modules that contain others are in evaluation mode, where a network returns what it is used for. Dropout and batch
    norms, which contain none, are in training mode.

    Attributes:
        teacher: The original, in evaluation mode, on the device of the training.
        kinds: The kinds of its outputs.
        heads: The modules whose outputs are compared; none for what the networks return.
    """

    teacher: nn.Module
    kinds: OutputKinds
    heads: RawHeads = ()
    optimizer: ClassVar[str] = ADAM

    def prepare(self, model: nn.Module) -> None:
        """Bring the modules that contain no others into training mode."""
        for module in model.modules():
            module.training = not any(True for _ in module.children())

    def __call__(self, model: nn.Module, inputs: Example, targets: Any) -> Tensor:  # noqa: ARG002
        """Return the mean distance of outputs for a batch of images."""
        return self.distance(comparable_outputs(model, clone_inputs(inputs), self.heads), inputs)

    def distance(self, outputs: Any, inputs: Example) -> Tensor:
        """Return the mean distance of what another network gave for the same inputs."""
        with torch.no_grad():
            wanted = comparable_outputs(self.teacher, clone_inputs(inputs), self.heads)
        return output_distance(outputs, wanted, self.kinds).mean()


@dataclass(frozen=True, eq=False)
class UserObjective:
    """A loss of the user's own, with the distance from the original's outputs beside it.

    Attributes:
        loss: The loss.
        imitation: The distance from the original's outputs; None for the loss alone.
        weight: The share of the imitation, in [0, 1]; the loss has the rest.
    """

    loss: UserFunction
    imitation: Imitation | None = None
    weight: float = 0.0
    optimizer: ClassVar[str] = ADAM

    def prepare(self, model: nn.Module) -> None:
        """Bring all modules into training mode."""
        model.train()

    def __call__(self, model: nn.Module, inputs: Example, targets: Any) -> Tensor:
        """Return the loss of a batch; the network is run once, by the user's function."""
        if self.imitation is None:
            return self._own(model, inputs, targets)
        with recorded_outputs(model, self.imitation.heads) as recorded:
            loss = self._own(model, inputs, targets)
        if recorded.value is None:
            raise UserError(
                f"loss {self.loss.name} does not call the network itself, so that its outputs can't be compared with"
                f" the original's; give {option('distillation', 0)}"
            )
        return (1 - self.weight) * loss + self.weight * self.imitation.distance(recorded.value, inputs)

    def _own(self, model: nn.Module, inputs: Example, targets: Any) -> Tensor:
        with self.loss.errors_named(CALLED):
            found = self.loss.function(model, inputs, targets)
        parts = list(found.values()) if isinstance(found, Mapping) else [found]
        if not parts or not all(isinstance(part, Tensor) and part.numel() == 1 for part in parts):
            raise UserError(f"loss {self.loss.name} returned {type(found).__name__}; {CALLED}")
        return torch.stack([part.reshape(()) for part in parts]).sum()


def find_loss(given: str | Loss) -> UserFunction:
    """The loss that a user gives: `path/to/file.py:function`, or from Python a function.

    Raises:
        UserError: There is no such function, or it takes other arguments.
    """
    found = resolve("loss", given, {})
    assert isinstance(found, UserFunction), "no loss has a name"
    if not takes(found.function, 3):
        raise UserError(f"loss {found.name} takes other arguments: {CALLED}")
    return found
