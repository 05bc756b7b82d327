"""A network arranged for fast inference: batch norms folded into convolutions, channels last in memory."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

from amc.graph import PruningGraph
from amc.utils.copying import copy_network


def for_inference(model: nn.Module, graph: PruningGraph) -> nn.Module:
    """Return a copy of `model` in evaluation mode that computes the same, faster.

    A batch norm is folded only where the graph knows that it and a convolution have each other to themselves, and that
    the convolution runs once with the weight that it stores.

    Args:
        model: The traced network, or a compact one of it; it is not changed.
        graph: The graph of the traced network.
    """
    modules = dict(model.named_modules())
    folded: dict[int, nn.Module] = {}
    for fold in find_folds(model, graph):
        conv, norm = modules[fold.conv], modules[fold.norm]
        assert isinstance(norm, _BatchNorm)
        folded |= {id(conv): _fused(conv, norm), id(norm): nn.Identity()}
    network = copy_network(model, folded)
    return channels_last(network.eval())


class Fold(NamedTuple):
    """A convolution and the batch norm that can be folded into it, by the names of their modules."""

    conv: str
    norm: str


def find_folds(model: nn.Module, graph: PruningGraph) -> list[Fold]:
    """Return the batch norms that can be folded in the traced network, or in a compact one of it."""
    modules = dict(model.named_modules())
    runs = Counter(layer.name for layer in graph.layers)
    found = []
    for layer in graph.layers:
        conv, norm = modules.get(layer.name), modules.get(layer.norm or "")
        stored = runs[layer.name] == 1 and layer.weight == f"{layer.name}.weight"
        if stored and isinstance(conv, _ConvNd) and isinstance(norm, _BatchNorm) and norm.track_running_stats:
            found.append(Fold(layer.name, layer.norm or ""))
    return found


def channels_last(model: nn.Module) -> nn.Module:
    """Lay out the 4-dimensional tensors of a network with their channels last, in place; return the network."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.ndim == 4:  # the layout is of images alone
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return model


def _fused(conv: nn.Module, norm: _BatchNorm) -> nn.Module:
    """Return a copy of the convolution that computes what the batch norm makes of its output in evaluation mode."""
    assert isinstance(conv, _ConvNd)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
        transpose=conv.transposed,
    )
    fused = copy_network(conv, {id(conv.weight): weight})
    fused.bias = bias
    return fused
