"""What a network is called with: one tensor, or several as a tuple, each with the batch as its first dimension."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

Inputs = Tensor | tuple[Tensor, ...]


def each_input(inputs: Inputs) -> tuple[Tensor, ...]:
    """The tensors, one or several; a `DataLoader` hands several over as a list."""
    return (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)


def feed(model: nn.Module, inputs: Inputs) -> Any:
    """What the network makes of a batch."""
    return model(*each_input(inputs))


def batch_size(inputs: Inputs) -> int:
    """How many images, or whatever the data is made of, are in a batch."""
    return each_input(inputs)[0].shape[0]


def first(inputs: Inputs, count: int) -> Inputs:
    """The first `count` of a batch."""
    return inputs[:count] if isinstance(inputs, Tensor) else tuple(tensor[:count] for tensor in inputs)
