"""What the answers of networks on a set of images are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from amc.graph.inputs import feed
from amc.scoring.image_losses import IMAGE_LOSSES, log_probabilities
from amc.scoring.metrics import Batches, top_k
from amc.scoring.score import Answers, Score
from amc.scoring.scored_by import ScoredBy
from amc.utils.defaults import ACCURACY
from amc.utils.errors import UserError

Places = Tensor | slice
"""The positions of some images among all: int64 `(n,)`, or a slice."""
LARGEST_LOSS = 1e4
"""The largest loss of an image in nats, and that of outputs that are no numbers, such as 0/0."""


class AnswerKey:
    """The right classes of some images and the original's class probabilities, which networks are held against.

    Args:
        by: What networks are scored by; the metric is top1 or top5.
        batches: All images and their classes, in order, on the device of the network.

    Raises:
        UserError: The original, which networks are compared with, returns NaN or infinity for some image.
    """

    def __init__(self, by: ScoredBy, batches: Batches) -> None:
        k = top_k(by.metric)
        assert k is not None, "classes are compared"
        self._loss, self._k, self._is_accuracy = IMAGE_LOSSES[by.score], k, by.score == ACCURACY
        self._original: Tensor | None = None
        if self._loss.needs_original:
            with torch.inference_mode():
                self._original = torch.cat([log_probabilities(feed(by.original, inputs)) for inputs, _ in batches])
            bad = int((~self._original.isfinite()).any(dim=1).sum())
            if bad:
                raise UserError(
                    f"the network returns NaN or infinity for {bad:,} of {len(self._original):,} reward images, so that"
                    " no other can be compared with it; check its weights and how images are normalised"
                )

    def answers(self, run: Callable[..., Any], batches: Iterable[tuple[Any, Tensor, Places]]) -> Answers:
        """The answers of a network, in the order of the batches.

        It waits for the device once, at the end.

        Args:
            run: The network, or a function that computes as it does, with outputs `(n, classes)`.
            batches: Inputs, classes `(n,)` and the places of the images among all.
        """
        right, losses = [], []
        with torch.inference_mode():
            for inputs, targets, places in batches:
                outputs = feed(run, inputs)
                hits = outputs.topk(min(self._k, outputs.shape[1]), dim=1).indices == targets[:, None]
                right.append(hits.any(dim=1))
                original = outputs if self._original is None else self._original[places]
                losses.append(self._loss.of(outputs, targets, original, right[-1]))
        loss = torch.cat(losses).float()
        loss = torch.where(loss < LARGEST_LOSS, loss, LARGEST_LOSS)  # NaN is less than nothing
        return Answers(torch.cat(right).cpu().numpy(), loss.cpu().numpy())

    def score(self, mean_loss: float, accuracy: float, share: float = 1.0, answers: Answers | None = None) -> Score:
        """The score of a network with a mean loss and an accuracy, on a share of the images."""
        if self._is_accuracy:
            return Score(accuracy, share, answers)
        return Score(self._loss.score(max(mean_loss, 0.0)), share, answers, accuracy)  # an estimate may be below 0

    def score_of(self, answers: Answers) -> Score:
        """The score of a network with these answers to all images."""
        mean_loss = float(answers.losses.mean(dtype=np.float64))
        return self.score(mean_loss, int(answers.right.sum()) / len(answers.right), answers=answers)

    def scored(self, network: nn.Module, batches: Batches, fast: Callable[..., Any] | None = None) -> Score:
        """The score of a network on all images, by `fast` if it computes what the network does."""
        return self.score_of(self.answers(fast or network, numbered(batches)))


def numbered(batches: Batches) -> Iterator[tuple[Any, Tensor, slice]]:
    """Batches of inputs and targets with the places of their images among all."""
    begin = 0
    for inputs, targets in batches:
        yield inputs, targets, slice(begin, begin + len(targets))
        begin += len(targets)
