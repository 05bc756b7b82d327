"""Convolutions whose weights are computed on every run become plain ones with what is computed.

A standardised or normed weight depends on all inputs of its channel, so that none of them could be cut.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils._python_dispatch import TorchDispatchMode

PLAIN: dict[int, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
"""By the dimensions of the weight."""


def plain_convolutions(model: nn.Module) -> None:
    """Replace, in place, every convolution of `model` (in evaluation mode) that computes its weight.

    It is replaced only where a plain one gives the same result, and can't be trained as before. One that pads by a rule
    of its own is left, and so is one whose weight depends on its input.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    found = {module: plain for module in set(modules.values()) if (plain := _plain(module)) is not None}
    for name, module in modules.items():
        if name and module in found:
            parent, _, child = name.rpartition(".")
            setattr(modules[parent], child, found[module])


def _plain(module: nn.Module) -> nn.Module | None:
    """The plain convolution that does what `module` does; None where it is one, or there is none."""
    if not isinstance(module, _ConvNd) or module.transposed:
        return None
    if "weight" in module._parameters and type(module).forward is PLAIN[len(module.kernel_size) + 2].forward:
        return None
    calls = _Calls()
    generator = torch.Generator().manual_seed(0)
    space = [3 * step * size for size, step in zip(module.kernel_size, module.dilation, strict=True)]
    device = next(module.parameters()).device
    samples = [
        torch.randn(2, module.in_channels, *(size + more for size in space), generator=generator).to(device)
        for more in (0, 1)
    ]
    with torch.no_grad():
        try:
            wanted = [module(samples[0]), module(samples[1])]
            with calls:
                module(samples[0])
        except Exception:  # it takes something else
            return None
        if len(calls.seen) != 1:
            return None
        weight, bias, stride, padding, dilation, groups = calls.seen[0]
        if weight is module._parameters.get("weight"):
            return None
        build: Any = PLAIN[weight.ndim]
        plain: _ConvNd = build(
            module.in_channels,
            len(weight),
            tuple(weight.shape[2:]),
            stride,
            padding,
            dilation,
            groups,
            bias is not None,
        ).to(weight)
        plain.weight.copy_(weight)
        if bias is not None and plain.bias is not None:
            plain.bias.copy_(bias)
        same = all(_equal(plain(sample), want) for sample, want in zip(samples, wanted, strict=True))
    return plain.train(module.training) if same else None


def _equal(got: Tensor, wanted: Any) -> bool:
    return isinstance(wanted, Tensor) and got.shape == wanted.shape and torch.allclose(got, wanted, 1e-4, 1e-5)


class _Calls(TorchDispatchMode):
    """Notes the arguments of convolutions but for their inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Any, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution.default:
            _, weight, bias, stride, padding, dilation, *_, groups = args
            self.seen.append((weight, bias, tuple(stride), tuple(padding), tuple(dilation), groups))
        return func(*args, **(kwargs or {}))
