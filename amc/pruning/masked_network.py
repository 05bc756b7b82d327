"""The reference for a compact network: the randomised original, whose consumers ignore the channels that are cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from amc.graph import PruningGraph
from amc.graph.trace_forward import unfused_operators
from amc.pruning.masked_statistics import MaskedStatistics
from amc.pruning.slicing import UnitMask
from amc.utils.copying import copy_network


def randomised(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Return a float64 copy of `model` on the CPU, in evaluation mode, with random parameters and statistics.

    Weights are scaled by their number of inputs, so that activations stay O(1).
    """
    with torch.no_grad():
        model = copy_network(model).cpu().double().eval()
        stored = model.state_dict().keys()  # other buffers are constants of the architecture
        for parameter in filter(torch.is_floating_point, model.parameters()):
            if parameter.ndim > 1:
                reach = (3 / max(parameter[0].numel(), 1)) ** 0.5  # a variance of one by the number of inputs
                parameter.uniform_(-reach, reach, generator=generator)
            else:
                parameter.normal_(1.0, 0.3, generator=generator)
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point() and name in stored:
                buffer.uniform_(generator=generator).add_(0.5 if name.endswith("var") else -0.5)
    return model


@contextmanager
def masked_consumers(model: nn.Module, graph: PruningGraph, mask: UnitMask) -> Iterator[None]:
    """Zero the consumers' weights for every unit that is not in `mask`, while the context is open.

    Norms and other statistics over channels are taken over the units in `mask`. The weights of `model` are restored at
    the end.
    """
    parameters = dict(model.named_parameters())
    saved: list[tuple[Tensor, int, Tensor, Tensor]] = []
    try:
        for layer in graph.layers:
            cut = ~layer.weight_in.stays(mask)
            if layer.weight is None or not cut.any():
                continue
            weight, dim = parameters[layer.weight].detach(), layer.in_dimension
            places = torch.from_numpy(np.flatnonzero(cut))
            saved.append((weight, dim, places, weight.index_select(dim, places)))
            weight.index_fill_(dim, places, 0.0)
        with unfused_operators(model), MaskedStatistics(graph, mask) if graph.statistics else nullcontext():
            yield
    finally:
        for weight, dim, places, values in reversed(saved):
            weight.index_copy_(dim, places, values)
