"""Convolutions and linear layers that compute their weight on every run are replaced by plain ones that store it.

A standardised or normed weight depends on all inputs of its channel, so none of them could be cut.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import is_parametrized
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from amc.utils.operator_mode import OperatorMode

PLAIN: dict[int, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
"""The plain convolution class for each number of dimensions of the weight."""
TRANSPOSED = {3: nn.ConvTranspose1d, 4: nn.ConvTranspose2d, 5: nn.ConvTranspose3d}
"""The same of transposed convolutions."""
NORMS = (WeightNorm, SpectralNorm)
"""PyTorch's former way of norming a weight, by a hook before the forward pass."""


class SamePadded(nn.Conv2d):
    """A convolution that adds the zeros that its input's size asks for, as TensorFlow's "SAME" padding does.

    The output is `ceil(size / stride)` high and wide; of an odd number of zeros, the one more is at the end.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Pad the input [B, C, H, W] and convolve it to [B, O, ceil(H / stride), ceil(W / stride)]."""
        zeros = []
        geometry = zip(input.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True)
        for size, kernel, stride, dilation in reversed(list(geometry)):
            more = max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
            zeros += [more // 2, more - more // 2]
        return super().forward(F.pad(input, zeros))


def materialise_weights(model: nn.Module, stored: Collection[str] | None = None) -> None:
    """Replace, in place, every convolution and linear layer of `model` (in evaluation mode) that computes its weight.

    It is replaced only where a plain one, or a `SamePadded` one, gives the same result; it can't be trained as before.
    Of linear layers and transposed convolutions the weight is taken as PyTorch's own parametrisations have it. A
    convolution that pads by another rule, or whose weight depends on its input, is left as it is.

    Args:
        model: The network.
        stored: The names of tensors that a compact network of it was written with, where there is one: layers whose
            weight is not among them stay as they are.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    chosen = {module for name, module in modules.items() if stored is None or f"{name}.weight" in stored}
    found = {module: plain for module in chosen if (plain := _plain(module)) is not None}
    for name, module in modules.items():
        if name and module in found:
            parent, _, child = name.rpartition(".")
            setattr(modules[parent], child, found[module])


def _plain(module: nn.Module) -> nn.Module | None:
    """Return the layer with a stored weight that equals `module`; None where `module` is one, or none does."""
    if isinstance(module, nn.Linear) or (isinstance(module, _ConvNd) and module.transposed):
        return _with_its_weight(module)
    if not isinstance(module, _ConvNd):
        return None
    plain = PLAIN[len(module.kernel_size) + 2]
    if "weight" in module._parameters and type(module).forward in (plain.forward, SamePadded.forward):
        return None
    calls = _Calls()
    stored = next(chain(module.parameters(), module.buffers()), torch.empty(0))
    samples = _samples(module, stored.device)
    with torch.no_grad():
        try:
            wanted = [module(sample) for sample in samples]
            with calls:
                module(samples[0])
        except Exception:  # it takes something else
            return None
        if len(calls.found) != 1 or calls.found[0].weight is module._parameters.get("weight"):
            return None
        for build in (plain, SamePadded) if plain is nn.Conv2d else (plain,):
            other = _built(build, module, calls.found[0])
            if all(_equal(other(sample), want) for sample, want in zip(samples, wanted, strict=True)):
                return other.train(module.training)
    return None


def _with_its_weight(module: nn.Linear | _ConvNd) -> nn.Module | None:
    """Return a plain layer with the weight that a parametrised one has; None where `module` is none, or differs."""
    hooks = module._forward_pre_hooks.values()
    if not is_parametrized(module, "weight") and not any(isinstance(hook, NORMS) for hook in hooks):
        return None
    with torch.no_grad(), suppress(Exception):  # it has no weight to be read
        weight, bias = module.weight, module.bias
        if isinstance(module, nn.Linear):
            other: nn.Linear | _ConvNd = nn.Linear(module.in_features, module.out_features, bias is not None)
            sample = torch.randn(2, module.in_features, generator=torch.Generator().manual_seed(0)).to(weight)
        else:
            other = TRANSPOSED[weight.ndim](
                module.in_channels,
                module.out_channels,
                module.kernel_size,  # type: ignore[arg-type]
                module.stride,  # type: ignore[arg-type]
                module.padding,  # type: ignore[arg-type]
                module.output_padding,  # type: ignore[arg-type]
                module.groups,
                bias is not None,
                module.dilation,  # type: ignore[arg-type]
            )
            sample = _samples(module, weight.device)[0].to(weight)
        wanted = module(sample)  # which brings a weight up to date that is computed before the forward pass
        other.to(weight).weight.copy_(module.weight)
        if other.bias is not None:
            other.bias.copy_(module.bias)  # type: ignore[arg-type]
        return other.train(module.training) if _equal(other(sample), wanted) else None
    return None


def _samples(module: _ConvNd, device: torch.device) -> list[Tensor]:
    """Return random inputs of every size that a stride tells apart."""
    generator = torch.Generator().manual_seed(0)
    space = [3 * step * size for size, step in zip(module.kernel_size, module.dilation, strict=True)]
    return [
        torch.randn(2, module.in_channels, *(size + more for size in space), generator=generator).to(device)
        for more in range(max(2, *module.stride))
    ]


def _built(build: type[nn.Conv1d | nn.Conv2d | nn.Conv3d], module: _ConvNd, call: _Call) -> _ConvNd:
    """Return a convolution of class `build` that holds the weight that `module` computed in a call."""
    convolution: Any = build
    weight, bias = call.weight, call.bias
    other: _ConvNd = convolution(
        module.in_channels,
        len(weight),
        tuple(weight.shape[2:]),
        call.stride,
        call.padding,
        call.dilation,
        call.groups,
        bias is not None,
    ).to(weight)
    other.weight.copy_(weight)
    if bias is not None and other.bias is not None:
        other.bias.copy_(bias)
    return other


def _equal(got: Tensor, wanted: Any) -> bool:
    return isinstance(wanted, Tensor) and got.shape == wanted.shape and torch.allclose(got, wanted, 1e-4, 1e-5)


class _Call(NamedTuple):
    """The arguments of a convolution other than its input."""

    weight: Tensor
    bias: Tensor | None
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


class _Calls(OperatorMode):
    """A dispatch mode that collects the convolutions that run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution.default:
            _, weight, bias, stride, padding, dilation, *_, groups = args
            self.found.append(_Call(weight, bias, tuple(stride), tuple(padding), tuple(dilation), groups))
        return func(*args, **(kwargs or {}))
