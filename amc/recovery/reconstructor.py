"""New weights of all consumers of a network for any choice of channels, solved when they are first needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from amc.graph import Layer, PruningGraph
from amc.pruning.slicing import UnitMask
from amc.recovery.calibration import Moments
from amc.recovery.reconstruction import Solved, held_out_ridge, output_statistics, relative_error, solve

CACHE_BYTES = 2**29
"""The size of all solved weights that are cached: a search chooses the same channels of a group over and over."""
LARGEST_KEPT = 2**26
"""The size in bytes of one weight that is cached, at the most."""


class Reconstructor:
    """Least squares for every consumer of a cut group (`amc.recovery.reconstruction`), with a cache.

    Args:
        model: The trained network.
        graph: The network's analysis.
        moments: Second moments of what its layers read (`amc.recovery.calibration.collect_moments`).
    """

    def __init__(self, model: nn.Module, graph: PruningGraph, moments: Mapping[str, Moments]) -> None:
        self._moments = moments
        self._layers = {layer.weight: layer for layer in graph.layers if layer.weight in moments}
        self._parameters = dict(model.named_parameters())
        self._modules = dict(model.named_modules())
        self._solved: OrderedDict[tuple[str, bool, bytes], Solved] = OrderedDict()
        self._solved_bytes = 0

    def weights(self, mask: UnitMask, *, norms_follow: bool, but: Container[str] = ()) -> dict[str, Tensor]:
        """New weights and biases by parameter name when the units `mask` stay: cut along the inputs, outputs whole.

        Args:
            mask: The units that stay, bool `(units,)`.
            norms_follow: Whether batch-norm statistics are taken anew afterwards, which absorbs a constant shift.
            but: Names of weights that are left out.
        """
        new: dict[str, Tensor] = {}
        for name, layer, kept in self._losing(mask):
            if name in but:
                continue
            solved = self._solve(name, layer, kept, norms_follow)
            device = self._parameters[name].device
            new[name] = _stored(solved.weight, layer).to(device)
            if layer.bias is not None:
                new[layer.bias] = self._parameters[layer.bias].detach() + solved.shift.to(device)
        return new

    def statistics(self, mask: UnitMask) -> dict[str, Tensor]:
        """Running means and variances, in closed form, of the batch norms behind the reconstructed consumers, by name.

        They are whole, like the biases of `weights(mask, norms_follow=True)`, with which they go.
        """
        new: dict[str, Tensor] = {}
        for name, layer, kept in self._losing(mask):
            norm = self._modules.get(layer.norm or "")
            if isinstance(norm, _BatchNorm) and norm.running_mean is not None and norm.running_var is not None:
                solved = self._solve(name, layer, kept, norms_follow=True)
                bias = None if layer.bias is None else self._parameters[layer.bias].detach().cpu() + solved.shift
                mean, var = output_statistics(self._weight(name, layer), solved, self._moments[name], kept, bias)
                new[f"{layer.norm}.running_mean"] = mean.to(norm.running_mean)
                new[f"{layer.norm}.running_var"] = var.to(norm.running_var)
        return new

    def differences(self, mask: UnitMask) -> Iterator[tuple[str, Tensor, Tensor]]:
        """What each consumer that loses inputs loses: its weight's name, and what to take off the weight and the bias.

        The weight is as it is stored, and lost whole where inputs are cut.
        """
        for name, layer, kept in self._losing(mask):
            solved = self._solve(name, layer, kept, norms_follow=True)
            lost = self._weight(name, layer).clone()
            lost[:, kept] -= solved.weight
            device = self._parameters[name].device
            yield name, _stored(lost, layer).to(device), -solved.shift.to(device)

    def errors(self, mask: UnitMask) -> dict[str, float]:
        """The share of each consumer's output energy that is not restored when the units `mask` stay, by its weight."""
        return {
            name: relative_error(
                self._weight(name, layer),
                self._moments[name],
                kept,
                self._solve(name, layer, kept, norms_follow=True),
            )
            for name, layer, kept in self._losing(mask)
        }

    def _losing(self, mask: UnitMask) -> Iterator[tuple[str, Layer, Tensor]]:
        """Consumers that lose inputs, with the positions that they keep."""
        for name, layer in self._layers.items():
            assert name is not None
            kept = layer.weight_in.kept(mask)
            if len(kept) < len(layer.weight_in):
                yield name, layer, torch.from_numpy(kept)

    def _weight(self, name: str, layer: Layer) -> Tensor:
        """The original weight as `(out, inputs, *kernel)` on the CPU."""
        return _stored(self._parameters[name].detach().cpu(), layer)

    def _solve(self, name: str, layer: Layer, kept: Tensor, norms_follow: bool) -> Solved:
        with_bias = layer.bias is not None or (layer.norm is not None and norms_follow)
        key = (name, with_bias, kept.numpy().tobytes())
        if key in self._solved:
            self._solved.move_to_end(key)
            return self._solved[key]
        weight, moments = self._weight(name, layer), self._moments[name]
        ridge = held_out_ridge(weight, moments, kept, with_bias)
        solved = solve(weight, moments, kept, with_bias, ridge)
        if solved.weight.nbytes > LARGEST_KEPT:
            return solved
        self._solved[key] = solved
        self._solved_bytes += solved.weight.nbytes
        while self._solved_bytes > CACHE_BYTES:
            _, dropped = self._solved.popitem(last=False)
            self._solved_bytes -= dropped.weight.nbytes
        return solved


def _stored(weight: Tensor, layer: Layer) -> Tensor:
    """The weight in the order of dimensions that the layer stores, from `(out, inputs, ...)`, or back."""
    return weight.transpose(0, 1) if layer.transposed_weight else weight
