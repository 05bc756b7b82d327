"""The metric of segmentation: how far predicted and true classes of pixels overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from amc.data.mask_folder import IGNORED
from amc.graph.inputs import feed
from amc.utils.errors import UserError

OUT = "out"
"""The name of the scores among the outputs of torchvision's segmentation networks."""


@dataclass(frozen=True)
class MeanIoU:
    """The mean intersection over union of the classes that occur, in [0, 1] (Everingham et al. 2010, section 4.2).

    The network returns scores `(n, classes, h, w)`, or a dictionary with such scores as `out`; of a single channel,
    those above 0 are class 1. Targets are masks `(n, h, w)` of class numbers, in which 255 does not count.
    """

    def __call__(self, model: nn.Module, batches: Iterable[tuple[Any, Any]]) -> float:
        """The mean IoU of a network on batches of images and masks.

        Raises:
            UserError: It returns no scores of the masks' size, a mask has a class that it does not know, or none has a
                pixel that counts.
        """
        counts: Tensor | None = None  # pixels by true and predicted class
        with torch.inference_mode():
            for inputs, masks in batches:
                scores = _scores(feed(model, inputs), masks)
                classes = max(2, scores.shape[1])
                predicted = scores.argmax(dim=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).long()
                counted = masks != IGNORED
                true = masks[counted].long()
                unknown = true[(true < 0) | (true >= classes)]
                if unknown.numel():
                    raise UserError(
                        f"expected class numbers from 0 to {classes - 1}, of which the network returns scores, or"
                        f" {IGNORED} in masks, got {int(unknown[0])}"
                    )
                pairs = torch.bincount(true * classes + predicted[counted], minlength=classes**2)
                counts = pairs if counts is None else counts + pairs
        assert counts is not None, "a split has images"
        if not counts.any():
            raise UserError(f"miou needs pixels of a class, and the masks have {IGNORED} everywhere")
        table = counts.reshape(round(len(counts) ** 0.5), -1).double()
        union = table.sum(dim=0) + table.sum(dim=1) - table.diag()
        return float((table.diag() / union)[union > 0].mean())


def _scores(outputs: Any, masks: Any) -> Tensor:
    scores = outputs.get(OUT) if isinstance(outputs, Mapping) else outputs
    if not isinstance(masks, Tensor) or masks.ndim != 3:
        raise UserError("miou needs a mask of class numbers for each image; give data as masks:PATH, or of a function")
    if not isinstance(scores, Tensor) or scores.ndim != 4 or scores.shape[2:] != masks.shape[1:]:
        got = tuple(scores.shape) if isinstance(scores, Tensor) else type(outputs).__name__
        raise UserError(
            f"miou needs a network that returns scores (n, classes, {masks.shape[1]}, {masks.shape[2]}), as large as"
            f" the masks, or a dictionary with them as {OUT!r}; got {got}"
        )
    return scores
