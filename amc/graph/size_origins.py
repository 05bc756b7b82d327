"""Where the sizes come from that a network's code gives to views: from the shape of a tensor, or from elsewhere.

`x.reshape(batch, places, channels)` with the `channels` of another tensor asks for as many as that one has, so that the
two can only be cut together; a number that an attribute holds can be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from amc.graph.channels import Label

READ_SHAPE: Any = vars(torch._C.TensorBase)["shape"].__get__
"""What reading `tensor.shape` calls."""
Sizes = tuple[int | None, ...]
"""A size for each axis of a result as the code gave it; None where it gave none."""


class SizeOf(int):
    """The size of a labelled axis, or a number computed from it."""

    label: Label

    def __new__(cls, size: int, label: Label) -> SizeOf:
        """Make the number `size` that remembers where it came from."""
        made = super().__new__(cls, size)
        made.label = label
        return made

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)

    def __floordiv__(self, other: Any) -> Any:
        return self._computed(int(self) // other)

    def __mul__(self, other: Any) -> Any:
        return self._computed(int(self) * other)

    __rmul__ = __mul__

    def _computed(self, result: Any) -> Any:
        return SizeOf(result, self.label) if isinstance(result, int) else result


class Shape(tuple[int, ...]):
    """A shape whose sizes remember their origin."""

    def numel(self) -> int:
        """Return the number of elements, as `torch.Size` does."""
        return torch.Size(self).numel()


class SizeOrigins(TorchFunctionMode):
    """A mode under which shapes are read with their origin, and the sizes that views are given are noted.

    Args:
        labels_of: Gives the labels of a tensor's axes.
        note: Told of the sizes that the operators to come are given, and of the width of the tensors that attention is
            called with, as many as which it splits into heads; both None where nothing is known.
    """

    def __init__(
        self, labels_of: Callable[[Tensor], tuple[Label, ...]], note: Callable[[Sizes | None, Label], None]
    ) -> None:
        super().__init__()
        self._labels_of, self._note = labels_of, note

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in (Tensor.reshape, Tensor.view, torch.reshape, Tensor.expand, Tensor.unflatten):
            self._note(_asked(func, args), None)
        elif func is F.multi_head_attention_forward:
            self._note(None, self._labels_of(args[0])[-1])
        try:
            out = func(*args, **given)
        finally:
            self._note(None, None)
        if func == READ_SHAPE or (func is Tensor.size and not isinstance(out, int)):
            return Shape(map(SizeOf, out, self._labels_of(args[0])))
        if func is Tensor.size:
            axis = args[1] if len(args) > 1 else given["dim"]
            return SizeOf(out, self._labels_of(args[0])[axis])
        return out


def _asked(func: Any, args: Sequence[Any]) -> Sizes | None:
    """Return the sizes that a call gives for the axes of its result; None where that is not plain."""
    x, *sizes = args
    before: list[None] = []
    after: list[None] = []
    if func is Tensor.unflatten:
        axis, *sizes = sizes
        if not isinstance(axis, int):
            return None
        before, after = [None] * (axis % x.ndim), [None] * (x.ndim - axis % x.ndim - 1)
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = list(sizes[0])
    if not all(isinstance(size, int) for size in sizes):
        return None
    return (*before, *sizes, *after)
