"""Criteria that look at the values which consumers read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amc.criteria.evidence import Evidence, Importance
from amc.graph import Layer
from amc.graph.inputs import batch_size
from amc.graph.layer_calls import LayerPass, layer_input
from amc.graph.raw_heads import comparable_outputs
from amc.graph.trace_forward import output_tensors, unfused_operators


def apoz(evidence: Evidence) -> Importance:
    """The share of a channel's values that are not zero (1 less APoZ, Hu et al. 2016, equation 1)."""
    found: dict[str, Tensor] = {}
    images = 0
    for readings, _ in _readings(evidence):
        images += 1
        for name, values in readings.items():
            share = (values != 0).double().mean(dim=(0, 2))
            found[name] = found.get(name, torch.zeros_like(share)) + share
    return _joined(evidence, {name: total / max(images, 1) for name, total in found.items()})


def lda(evidence: Evidence) -> Importance:
    """How well a channel's mean over an image tells the classes apart (Fisher's discriminant, Tian et al. 2017).

    It is the ratio of the variance between the classes to that within them. Classes are what the network itself
    predicts; for a network without class scores all images are of one, and all channels alike.
    """
    means: dict[str, list[Tensor]] = {}
    classes: list[Tensor] = []
    for readings, predicted in _readings(evidence):
        classes.append(predicted)
        for name, values in readings.items():
            means.setdefault(name, []).append(values.mean(dim=2))
    labels = torch.cat(classes)
    values = {name: torch.cat(each).double() for name, each in means.items()}
    return _joined(evidence, {name: _discriminant(x, labels) for name, x in values.items() if len(x) == len(labels)})


def _discriminant(values: Tensor, labels: Tensor) -> Tensor:
    """The variance between classes over that within them, of each column of `values` `(images, channels)`."""
    between, within = torch.zeros_like(values[0]), torch.zeros_like(values[0])
    for label in labels.unique():
        members = values[labels == label]
        between += len(members) * (members.mean(dim=0) - values.mean(dim=0)).square()
        within += (members - members.mean(dim=0)).square().sum(dim=0)
    return between / (within + 1e-12 * values.square().sum(dim=0) + torch.finfo(torch.float64).tiny)


def _joined(evidence: Evidence, channels: dict[str, Tensor]) -> Importance:
    """The importance of units from a number for each input channel of each layer."""
    found: dict[str, NDArray[np.float64]] = {}
    for layer in evidence.consumers():
        assert layer.weight is not None
        if layer.weight in channels:
            values = channels[layer.weight].reshape(layer.groups, -1).sum(dim=0)
            found[layer.weight] = values.cpu().numpy()
    return evidence.unit_importance(found)


def _readings(evidence: Evidence) -> Any:
    """What each consumer reads, `(batch, channels, positions)` by weight, and predicted classes, for each batch."""
    layers = {layer.call: layer for layer in evidence.consumers()}
    uses = Counter(layer.weight for layer in evidence.graph.layers)
    single = {call: layer for call, layer in layers.items() if uses[layer.weight] == 1}
    with torch.no_grad(), unfused_operators(evidence.model):
        for batch in evidence.calibration:
            count = batch_size(batch)
            taps = _Tap(single, count)
            with taps:
                out = output_tensors(comparable_outputs(evidence.model, batch, evidence.graph.heads))
            scores = next((each for each in out if each.ndim == 2 and len(each) == count), None)
            predicted = scores.argmax(dim=1) if scores is not None else torch.zeros(count, dtype=torch.int64)
            yield taps.read, predicted


class _Tap(LayerPass):
    def __init__(self, layers: dict[int, Layer], batch: int) -> None:
        super().__init__(layers)
        self.read: dict[str, Tensor] = {}
        self._batch = batch

    def before(self, name: str, args: Any, layer: Layer | None) -> None:
        """Note what a wanted layer is about to read."""
        if layer is None:
            return
        assert layer.weight is not None
        x = layer_input(name, args)
        if len(x) % self._batch:
            return  # rows that belong to no image
        rows = x.flatten(2) if layer.kernel else x.reshape(self._batch, -1, x.shape[-1]).transpose(1, 2)
        self.read[layer.weight] = rows
