"""The consumers' new weights for any choice of channels, solved when they are first needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterator, Sequence

import torch
from torch import Tensor, nn

from amc.calibrate import collect
from amc.graph import Layer, PruningGraph
from amc.graph.inputs import Example, batch_size
from amc.prune import Alive
from amc.reconstruct import relative_error, solve

CACHE_BYTES = 2**29
"""Solved weights are kept up to this size: the same channels of a group are chosen over and over in a search."""


class Reconstructor:
    """Least squares for every consumer of a cut group (`amc.reconstruct`), with a cache.

    Args:
        model: The trained network.
        graph: Its analysis.
        calibration: Batches of inputs.
        seed: Which positions of the images are sampled.
        norms_follow: Whether batch norms are re-estimated afterwards, so that they absorb a constant shift.
    """

    def __init__(
        self, model: nn.Module, graph: PruningGraph, calibration: Sequence[Example], seed: int, *, norms_follow: bool
    ) -> None:
        count = sum(map(batch_size, calibration))
        self._moments = collect(model, graph, calibration, count, seed)
        self._layers = {layer.weight: layer for layer in graph.layers if layer.weight in self._moments}
        self._parameters = dict(model.named_parameters())
        self._norms_follow = norms_follow
        self._solved: OrderedDict[tuple[str, bytes], tuple[Tensor, Tensor]] = OrderedDict()
        self._solved_bytes = 0

    def weights(self, alive: Alive, but: Container[str] = ()) -> dict[str, Tensor]:
        """New weights and biases by parameter name when the units `alive` stay: cut along the inputs, outputs whole.

        Weights named in `but` are left out.
        """
        new: dict[str, Tensor] = {}
        for name, layer, kept in self._losing(alive):
            if name in but:
                continue
            weight, shift = self._solve(name, layer, kept)
            device = self._parameters[name].device
            new[name] = _stored(weight, layer).to(device)
            if layer.bias is not None:
                new[layer.bias] = self._parameters[layer.bias].detach() + shift.to(device)
        return new

    def errors(self, alive: Alive) -> dict[str, float]:
        """By weight, the share of the consumer's output energy that could not be restored when `alive` stay."""
        return {
            name: relative_error(self._weight(name, layer), self._moments[name], kept, *self._solve(name, layer, kept))
            for name, layer, kept in self._losing(alive)
        }

    def _losing(self, alive: Alive) -> Iterator[tuple[str, Layer, Tensor]]:
        """Consumers that lose inputs, with the positions that they keep."""
        for name, layer in self._layers.items():
            assert name is not None
            kept = layer.weight_in.kept(alive)
            if len(kept) < len(layer.weight_in):
                yield name, layer, torch.from_numpy(kept)

    def _weight(self, name: str, layer: Layer) -> Tensor:
        """The original weight as `(out, inputs, *kernel)` on the CPU."""
        return _stored(self._parameters[name].detach().cpu(), layer)

    def _solve(self, name: str, layer: Layer, kept: Tensor) -> tuple[Tensor, Tensor]:
        key = (name, kept.numpy().tobytes())
        if key in self._solved:
            self._solved.move_to_end(key)
            return self._solved[key]
        absorbs = layer.bias is not None or (layer.norm is not None and self._norms_follow)
        solved = solve(self._weight(name, layer), self._moments[name], kept, absorbs)
        self._solved[key] = solved
        self._solved_bytes += solved[0].nbytes
        while self._solved_bytes > CACHE_BYTES:
            _, (dropped, _) = self._solved.popitem(last=False)
            self._solved_bytes -= dropped.nbytes
        return solved


def _stored(weight: Tensor, layer: Layer) -> Tensor:
    """From `(out, inputs, ...)` to the order that the layer's weight is stored in, or back."""
    return weight.transpose(0, 1) if layer.transposed_weight else weight
