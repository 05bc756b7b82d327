"""Learning from another network's outputs beside the classes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Distillation:
    """Soft targets (Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2).

    Attributes:
        teacher: the network that is imitated, in evaluation mode, on the device of the training.
        temperature: what the outputs of both are divided by; above 1, small probabilities count more.
        weight: share of the loss that the soft targets have, in [0, 1]; the true classes have the rest.
    """

    teacher: nn.Module
    temperature: float
    weight: float

    def loss(self, hard: Tensor, inputs: Tensor, outputs: Tensor) -> Tensor:
        """The loss `hard` of the true classes and that of the soft ones, mixed.

        The latter is the Kullback-Leibler divergence times the squared temperature, by which its gradient keeps its
        size. Inputs `(n, ...)`, outputs `(n, classes)`.
        """
        with torch.no_grad():
            soft = F.log_softmax(self.teacher(inputs).float() / self.temperature, dim=1)
        own = F.log_softmax(outputs / self.temperature, dim=1)
        divergence = F.kl_div(own, soft, reduction="batchmean", log_target=True)
        return (1 - self.weight) * hard + self.weight * self.temperature**2 * divergence
