"""From keeps to a compact network that is ready to be scored: choose, reconstruct, cut, re-estimate."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from amc.calibrate import Moments, collect
from amc.graph import Keeps, Layer, PruningGraph
from amc.importance import CRITERIA
from amc.prune import Alive, Selection, choose, compact, select
from amc.reconstruct import relative_error, solve
from amc.statistics import reestimate

CACHE_BYTES = 2**29
"""Solved weights are kept up to this size: a group's choice of channels recurs over episodes."""


class Compressor:
    """Prunes one network, without fine-tuning, to any keeps of its groups.

    Args:
        model: The trained network in evaluation mode. It is never changed.
        graph: Its analysis.
        calibration: Images, `(n, ...)` batches; a list, since every pruned network reads them again.
        criterion: A name in `amc.importance.CRITERIA`.
        seed: Which positions of the calibration images are sampled.
        reconstruct: Solve the consumers' weights by least squares (else they are only sliced).
        statistics: Re-estimate batch-norm statistics (else they are only sliced).
    """

    def __init__(
        self,
        model: nn.Module,
        graph: PruningGraph,
        calibration: list[Tensor],
        criterion: str = "l1",
        seed: int = 0,
        *,
        reconstruct: bool = True,
        statistics: bool = True,
    ) -> None:
        self.model = model
        self.graph = graph
        self.calibration = calibration
        self.importance = CRITERIA[criterion](model, graph)
        self.statistics = statistics
        count = sum(len(batch) for batch in calibration)
        self._moments = collect(model, graph, calibration, count, seed) if reconstruct else {}
        self._consumers = {layer.weight: layer for layer in graph.layers if layer.weight in self._moments}
        self._solved: OrderedDict[tuple[str, bytes], tuple[Tensor, Tensor]] = OrderedDict()
        self._solved_bytes = 0

    def alive(self, keeps: Keeps) -> Alive:
        """Which units stay when `keeps[g]` of each group do."""
        return choose(self.graph, self.importance, keeps)

    def compact(self, alive: Alive) -> tuple[nn.Module, Selection]:
        """The compact network in evaluation mode in which the units `alive` are left, and how it was cut."""
        selection = select(self.graph, self.model, alive)
        network = compact(self.model, selection, self._reconstructed(alive)).eval()
        if self.statistics:
            reestimate(network, self.calibration)
        return network, selection

    def reconstruction_error(self, alive: Alive) -> dict[str, float]:
        """Of each consumer that lost inputs, the share of its outputs' energy that is lost for good, by weight."""
        parameters = dict(self.model.named_parameters())
        errors = {}
        for name, layer in self._consumers.items():
            kept = torch.from_numpy(layer.weight_in.kept(alive))
            if len(kept) < len(layer.weight_in):
                weight = parameters[name].detach()
                solved, shift = self._solve(name, layer, weight, self._moments[name], kept)
                if layer.transposed_weight:
                    weight, solved = weight.T, solved.T
                errors[name] = relative_error(weight, self._moments[name], kept, solved, shift)
        return errors

    def _reconstructed(self, alive: Alive) -> dict[str, Tensor]:
        parameters = dict(self.model.named_parameters())
        weights: dict[str, Tensor] = {}
        for name, layer in self._consumers.items():
            kept = layer.weight_in.kept(alive)
            if len(kept) == len(layer.weight_in):
                continue
            weight, shift = self._solve(
                name, layer, parameters[name].detach(), self._moments[name], torch.from_numpy(kept)
            )
            weights[name] = weight
            if layer.bias is not None:
                weights[layer.bias] = parameters[layer.bias].detach() + shift
        return weights

    def _solve(self, name: str, layer: Layer, weight: Tensor, moments: Moments, kept: Tensor) -> tuple[Tensor, Tensor]:
        key = (name, kept.numpy().tobytes())
        if key in self._solved:
            self._solved.move_to_end(key)
            return self._solved[key]
        absorbs = layer.bias is not None or (layer.norm is not None and self.statistics)
        canonical = weight.transpose(0, 1) if layer.transposed_weight else weight
        solved, shift = solve(canonical, moments, kept, absorbs)
        result = (solved.transpose(0, 1) if layer.transposed_weight else solved), shift
        self._solved[key] = result
        self._solved_bytes += solved.nbytes
        while self._solved_bytes > CACHE_BYTES:
            _, (dropped, _) = self._solved.popitem(last=False)
            self._solved_bytes -= dropped.nbytes
        return result
