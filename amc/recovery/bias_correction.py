"""Bias correction: in networks without batch norm, a layer's bias restores the mean of its outputs.

Cutting channels, and solving for weights on what is left, shifts the mean of each output; a batch norm would take it
out once its statistics are taken again. Here the pruned network runs once over the calibration images, and each layer's
bias is moved so that its outputs have the mean that the original's have, before the pass goes on (bias correction,
Nagel et al. 2019, arXiv:1906.04721, section 4.2, with the means taken from data). Where the activations of all images
would take much memory, the pruned network reads them in parts, and each bias ends as the average of what the parts say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from amc.graph import Layer, PruningGraph
from amc.graph.batch_memory import LARGEST_AT_ONCE, calibration_batch, images_that_fit
from amc.graph.inputs import Example, batch_size, split_batch
from amc.graph.layer_calls import LayerPass, run_pass
from amc.pruning.slicing import UnitMask, named_tensors, output_factors


class BiasCorrection:
    """Corrects the biases of compact networks of one original.

    Args:
        model: The trained network in evaluation mode. It is not changed.
        graph: The network's analysis.
        calibration: Batches of inputs, `(n, ...)` each.
    """

    def __init__(self, model: nn.Module, graph: PruningGraph, calibration: Sequence[Example]) -> None:
        uses = Counter(layer.bias for layer in graph.layers)
        self._graph = graph
        self.layers = {layer.call: layer for layer in graph.layers if layer.bias is not None and uses[layer.bias] == 1}
        self._parts = []
        for images in split_batch(calibration_batch(graph, calibration), images_that_fit(graph, LARGEST_AT_ONCE)):
            original = _OriginalPass(self.layers)
            run_pass(model, images, original, graph)
            self._parts.append((images, original.means))

    def correct(self, network: nn.Module, mask: UnitMask) -> None:
        """Move the biases of `network`, the compact network in which the units `mask` stay, in place, first to last."""
        read = 0
        for images, means in self._parts:
            read += batch_size(images)
            share = batch_size(images) / read
            correction = _CorrectionPass(self.layers, self._graph, means, network, mask, share)
            run_pass(network, images, correction, self._graph)


class _OriginalPass(LayerPass):
    """Notes the mean of each layer's output, `(outputs,)`, by call."""

    def __init__(self, layers: Mapping[int, Layer]) -> None:
        super().__init__(layers)
        self.means: dict[int, Tensor] = {}

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:  # noqa: ARG002
        """Note the mean of a layer's output."""
        if layer is not None:
            self.means[self.call] = _means(_channels_last(layer, out))


class _CorrectionPass(LayerPass):
    """Moves biases by a share of what the means lack: the share of these images among all that were read so far."""

    def __init__(
        self,
        layers: Mapping[int, Layer],
        graph: PruningGraph,
        means: Mapping[int, Tensor],
        network: nn.Module,
        mask: UnitMask,
        share: float,
    ) -> None:
        super().__init__(layers)
        self._graph, self._means, self._share = graph, means, share
        self._mask = mask
        self._tensors = named_tensors(network)

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:  # noqa: ARG002
        """Move a layer's bias, and with it the outputs that it has just given."""
        if layer is None or layer.bias is None:
            return
        kept = torch.from_numpy(layer.out.kept(self._mask))
        outputs, wanted = _channels_last(layer, out), self._means[self.call][kept]
        factors = output_factors(self._graph, layer, self._mask)
        if factors is not None:
            wanted = wanted * factors.to(wanted.device)
        shift = self._share * (wanted - _means(outputs))
        self._tensors[layer.bias].add_(shift)
        outputs.add_(shift)


def _channels_last(layer: Layer, out: Tensor) -> Tensor:
    """A view of a layer's outputs, `(..., channels)`."""
    return out.movedim(1, -1) if layer.kernel else out


def _means(outputs: Tensor) -> Tensor:
    return outputs.mean(dim=tuple(range(outputs.ndim - 1)))
