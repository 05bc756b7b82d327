"""What a compact network is checked against: the original, randomised, whose consumers ignore the cut channels."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from amc.graph import PruningGraph
from amc.prune import Alive


def randomised(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """A float64 copy in evaluation mode whose parameters and statistics are random and keep activations O(1)."""
    model = copy.deepcopy(model).double().eval().cpu()
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = max(parameter[0].numel(), 1) if parameter.ndim > 1 else 1
            scale = fan_in**-0.5 if parameter.ndim > 1 else 0.3
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * scale)
            if parameter.ndim == 1:
                parameter.add_(1.0)
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                fresh = torch.rand(buffer.shape, generator=generator, dtype=torch.float64)
                buffer.copy_(fresh + 0.5 if name.endswith("var") else fresh - 0.5)
    return model


def ignore(model: nn.Module, graph: PruningGraph, alive: Alive) -> nn.Module:
    """A copy of `model` whose consumers have zero weight wherever they meet a unit that is not `alive`."""
    masked = copy.deepcopy(model)
    parameters = dict(masked.named_parameters())
    with torch.no_grad():
        for layer in graph.layers:
            if layer.weight is None or not layer.weight_in.is_cuttable:
                continue
            mask = np.append(alive, True)[layer.weight_in.units]
            shape = [1] * parameters[layer.weight].ndim
            shape[layer.in_dimension] = len(mask)
            parameters[layer.weight].mul_(torch.from_numpy(mask).reshape(shape))
    return masked
