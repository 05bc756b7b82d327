"""Operators whose arguments hold sizes that follow from their tensors, as functions that work those sizes out.

Compact networks of one network call the same operators with other sizes; without them, the calls are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
CONVOLUTION = aten.convolution.default
"""The operator that all convolutions of a trace are calls of."""
TRANSPOSED, GROUPS = 6, 8
"""Positions among a convolution's arguments: whether it is a transposed one, and how many groups it has."""


def without_sizes(func: Any, args: Any, slot_args: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function and arguments that make the same call at other widths, too, where one is known.

    Args:
        func: The operator that is called.
        args: The arguments of the call.
        slot_args: The same with placeholders for tensors, which are what is returned.
    """
    if func is aten.as_strided_.default and args[1:] == (list(args[0].shape), _strides(*args[0].shape)):
        return restride_channels_last, slot_args[:1]
    if func is aten.native_layer_norm.default and args[2] is not None and args[1] == list(args[2].shape):
        return layer_norm, (slot_args[0], *slot_args[2:])
    if func is aten.split.Tensor:
        x, size, dim = (*args, 0)[:3]
        if x.shape[dim] % size == 0:
            return torch.tensor_split, (slot_args[0], x.shape[dim] // size, dim)
    return func, slot_args


def convolution(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """A convolution `(n, c, ...)` that works out how many groups it has from its weight, where they are None."""
    *others, groups = rest
    out: Tensor = CONVOLUTION(x, weight, *others, groups or x.shape[1] // weight.shape[1])
    return out


def restride_channels_last(x: Tensor) -> Tensor:
    """Images `(n, c, 1, 1)`, in place, with the strides of a channels-last layout, as global pooling returns them."""
    return x.as_strided_(x.shape, _strides(*x.shape))


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor | None, epsilon: float) -> Any:
    """A layer norm over the last dimensions of `x`, as many as its weight has."""
    return aten.native_layer_norm.default(x, list(weight.shape), weight, bias, epsilon)


def _strides(*shape: int) -> list[int]:
    """The strides of channels-last images of that shape; of other tensors none."""
    if len(shape) != 4:
        return []
    _, channels, height, width = shape
    return [channels * height * width, 1, channels * width, channels]
