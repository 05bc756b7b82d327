"""Distillation: learning from another network's outputs beside the true classes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amc.graph.inputs import Example, feed


@dataclass(frozen=True, eq=False)
class Distillation:
    """Learning from the soft targets of a teacher (Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2).

    Attributes:
        teacher: The network that is imitated, in evaluation mode, on the device of the training.
        temperature: The divisor of both networks' outputs; above 1, small probabilities count more.
        weight: The share of the loss that the soft targets have, in [0, 1]; the true classes have the rest.
    """

    teacher: nn.Module
    temperature: float
    weight: float

    def loss(self, hard: Tensor, inputs: Example, outputs: Tensor) -> Tensor:
        """The mixture of the loss of the true classes and that of the soft targets.

        The latter is the Kullback-Leibler divergence times the squared temperature, with which its gradient does not
        shrink.

        Args:
            hard: The loss of the true classes, a scalar.
            inputs: What both networks read, `(n, ...)` each.
            outputs: What the network that learns returned, `(n, classes)`.
        """
        with torch.no_grad():
            soft = F.log_softmax(feed(self.teacher, inputs).float() / self.temperature, dim=1)
        own = F.log_softmax(outputs / self.temperature, dim=1)
        divergence = F.kl_div(own, soft, reduction="batchmean", log_target=True)
        return (1 - self.weight) * hard + self.weight * self.temperature**2 * divergence
