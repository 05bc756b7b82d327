"""What a network is called with: one tensor, or several as a tuple, each with the batch as its first dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
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


def together(batches: Sequence[Inputs]) -> Inputs:
    """All batches as one."""
    if isinstance(batches[0], Tensor):
        return torch.cat([each_input(batch)[0] for batch in batches])
    return tuple(torch.cat(parts) for parts in zip(*map(each_input, batches), strict=True))
