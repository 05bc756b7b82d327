"""A network arranged for fast inference: batch norms folded into convolutions, channels last in memory."""

from __future__ import annotations

from collections import Counter, OrderedDict
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._pytree import tree_map_only
from torch.utils.hooks import RemovableHandle

from amc.graph import Layer, PruningGraph
from amc.utils.copying import copy_network


def for_inference(model: nn.Module, graph: PruningGraph) -> nn.Module:
    """Return a copy of `model` in evaluation mode that computes the same, faster.

    A batch norm is folded only where the graph knows that it and a convolution have each other to themselves, and that
    the convolution runs once with the weight and bias that it stores. Modules in the norm that run behind it, such as
    an activation, stay; a norm that computes something else, or that has hooks, is not folded.

    Args:
        model: The traced network, or a compact one of it; it is not changed.
        graph: The graph of the traced network.
    """
    modules = dict(model.named_modules())
    folded: dict[int, nn.Module] = {}
    for fold in find_folds(model, graph):
        conv, norm = modules[fold.conv], modules[fold.norm]
        assert isinstance(norm, _BatchNorm)
        folded |= {id(conv): _fused(conv, norm), id(norm): copy_network(_behind(norm))}
    network = copy_network(model, folded)
    return lay_out(network.eval())


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
        if conv is None or norm is None or runs[layer.name] > 1:
            continue
        if _takes_a_norm(conv, layer) and _is_foldable(norm, axes=2 + len(layer.kernel)):
            found.append(Fold(layer.name, layer.norm or ""))
    return found


def lay_out(model: nn.Module) -> nn.Module:
    """Lay out the weights of convolutions over images with their channels last, in place; return the network.

    Other tensors stay as they are, since code may take views of them. A network that is kept contiguous is laid out so.
    """
    for module in model.modules():
        if isinstance(module, _ConvNd):
            module.weight.data = laid_out(module.weight.data, module, model)
    return model


def laid_out(tensor: Tensor, module: nn.Module, model: nn.Module) -> Tensor:
    """Return a tensor of a module of `model` in the layout that `lay_out` gives it, other tensors contiguous."""
    is_weight = tensor.ndim == 4 and isinstance(module, _ConvNd)  # the layout is of images alone
    is_last = is_weight and not is_kept_contiguous(model)
    return tensor.contiguous(memory_format=torch.channels_last if is_last else torch.contiguous_format)


def keep_contiguous(model: nn.Module) -> RemovableHandle:
    """Make a network, and its copies, compute on contiguous tensors from now on, in place; return how to undo that."""
    hook = model.register_forward_pre_hook(_contiguous_inputs, with_kwargs=True)
    lay_out(model)
    return hook


def is_kept_contiguous(model: nn.Module) -> bool:
    """Return whether the network was given to `keep_contiguous`."""
    return _contiguous_inputs in model._forward_pre_hooks.values()


def _contiguous_inputs(_: nn.Module, args: Any, kwargs: Any) -> Any:
    """A hook that gives a network contiguous inputs; copies each time, so that as many operators run whatever comes."""
    return tree_map_only(Tensor, lambda tensor: tensor.clone(memory_format=torch.contiguous_format), (args, kwargs))


def _takes_a_norm(module: nn.Module, layer: Layer) -> bool:
    """Return whether a module is a convolution that uses the weight and bias which it stores as they are.

    The outputs of a transposed one with several groups lie along two axes of its weight.
    """
    if not isinstance(module, _ConvNd) or (module.transposed and module.groups > 1):
        return False
    stored = None if module.bias is None else f"{layer.name}.bias"
    return (layer.weight, layer.bias) == (f"{layer.name}.weight", stored)


def _is_foldable(module: nn.Module, axes: int) -> bool:
    """Return whether a module is a batch norm, behind which nothing runs on its `axes` but the modules in it."""
    if not isinstance(module, _BatchNorm) or not module.track_running_stats:
        return False
    if module._forward_hooks or module._forward_pre_hooks:  # they may change what it computes
        return False
    if type(module).forward in (_BatchNorm.forward, nn.SyncBatchNorm.forward):
        return True
    norm = copy_network(module).eval()
    assert isinstance(norm, _BatchNorm)
    sample = torch.randn(4, norm.num_features, *(axes - 2) * [5], generator=torch.Generator().manual_seed(0))
    sample = sample.to(norm.running_mean)
    with torch.no_grad(), suppress(Exception):  # it takes something else
        return torch.allclose(norm(sample), _behind(norm)(_BatchNorm.forward(norm, sample)), rtol=1e-4, atol=1e-5)
    return False


def _behind(norm: _BatchNorm) -> nn.Module:
    """Return what runs behind a batch norm that is folded: the modules in it, such as an activation, by their names."""
    return nn.Sequential(OrderedDict(norm.named_children()))


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
