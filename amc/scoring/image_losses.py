"""The losses by which a search compares classifiers, image by image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from amc.data.targets import class_numbers
from amc.utils.defaults import ACCURACY, AUTO
from amc.utils.errors import UserError
from amc.utils.option_names import option
from amc.utils.registry import look_up

LOSS, FIDELITY = "loss", "fidelity"
DEFAULT = FIDELITY
"""What classifiers are compared by unless the user says otherwise; docs/signal.md has the measurements."""


@dataclass(frozen=True)
class ImageLoss:
    """A loss of single images, 0 the best, and the score that its mean gives.

    Attributes:
        of: The losses `(n,)`, not negative, of outputs `(n, classes)`, classes `(n,)`, the logarithms of the
            original's class probabilities `(n, classes)`, and whether each image is answered right `(n,)`.
        score: The score in [0, 1] of a mean loss, 1 the best.
        needs_original: Whether the original's class probabilities are looked at.
    """

    of: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    score: Callable[[float], float]
    needs_original: bool = False


def _divergence(outputs: Tensor, _: Tensor, original: Tensor, __: Tensor) -> Tensor:
    found = log_softmax(outputs.float(), dim=1)
    return kl_div(found, original, reduction="none", log_target=True).sum(dim=1).clamp(min=0)  # rounding


def _cross_entropy(outputs: Tensor, targets: Tensor, _: Tensor, __: Tensor) -> Tensor:
    return cross_entropy(outputs.float(), class_numbers(targets), reduction="none")


def _error(_: Tensor, __: Tensor, ___: Tensor, right: Tensor) -> Tensor:
    return (~right).float()


def _likeness(mean: float) -> float:
    return math.exp(-mean)


IMAGE_LOSSES: dict[str, ImageLoss] = {
    FIDELITY: ImageLoss(_divergence, _likeness, needs_original=True),
    LOSS: ImageLoss(_cross_entropy, _likeness),
    ACCURACY: ImageLoss(_error, lambda mean: 1.0 - mean),
}
"""The losses by the name of the score: `fidelity` is exp of minus the mean Kullback-Leibler divergence in nats of the
original's class probabilities from the network's, which needs no labels; `loss` is exp of minus the mean cross-entropy
in nats, the geometric mean of the probabilities of the right classes; `accuracy` is the share of right answers."""


def find_score(given: str, *, is_classified: bool, is_ordered: bool) -> str:
    """The name of the score that networks are compared by, in `IMAGE_LOSSES`; `accuracy` stands for any metric.

    Args:
        given: The name that the user gave, or `auto`.
        is_classified: Whether the metric is top1 or top5.
        is_ordered: Whether images come in the same order in every pass.

    Raises:
        UserError: There is no such score, or it is of other metrics or images.
    """
    if given == AUTO:
        return DEFAULT if is_classified and is_ordered else ACCURACY
    look_up("score", given, IMAGE_LOSSES)
    if given != ACCURACY and not is_classified:
        raise UserError(
            f"score {given} compares the classes of top1 and top5; another metric is compared by itself: leave"
            f" {option('score')} out, or for outputs of any kind give {option('metric', 'fidelity')}"
        )
    if given == FIDELITY and not is_ordered:
        raise UserError("score fidelity needs images that come in the same order each time, which a loader's may not")
    return given


def log_probabilities(outputs: Tensor) -> Tensor:
    """The logarithms of class probabilities, float32 `(n, classes)`, from the outputs before a softmax."""
    return torch.log_softmax(outputs.float(), dim=1)
