"""Which entries of parameters each value of a tensor is proportional to, so that a constant factor can be put there.

The outputs of a linear layer are scaled by scaling rows of its weight and entries of its bias. `Sources` are the atoms
of these, in tensors of the shape of the output; what only moves values moves them alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from amc.graph.channels import Atoms, Label

MOVING = frozenset(
    ["view", "_unsafe_view", "unsqueeze", "squeeze", "permute", "transpose", "t", "select", "unbind", "split"]
)
"""Operators that move values, by their bare names."""
COPYING = frozenset(["clone", "detach", "alias", "_to_copy"])
"""Operators that copy values to the same places."""


class Sources:
    """The parameter entries that the values of tensors are proportional to, as far as they are known."""

    def __init__(self) -> None:
        self._known = WeakTensorKeyDictionary()

    def begin(self, out: Tensor, *labels: Label) -> None:
        """Record that along its last axis `out` is proportional to entries of parameters, under each of `labels`."""
        rows = [torch.from_numpy(label.astype(np.int32)).expand(out.shape) for label in labels if label is not None]
        if rows:
            self._known[out] = rows

    def keep(self, out: Tensor, x: Tensor) -> None:
        """Record that `out` is a multiple of `x`."""
        if (known := self._known.get(x)) is not None:
            self._known[out] = known

    def add(self, out: Tensor, x: Tensor, bias: Label) -> None:
        """Record that `out` is the sum of `x` and entries of parameters along the last axis."""
        known = self._known.get(x)
        if known is not None and bias is not None:
            self._known[out] = [*known, torch.from_numpy(bias.astype(np.int32)).expand(out.shape)]

    def move(self, name: str, func: Any, arguments: dict[str, Any], out: Any) -> None:
        """Follow an operator that moves or copies values."""
        name = name.rstrip("_")
        x = arguments.get("self")
        known = self._known.get(x) if isinstance(x, Tensor) else None
        if known is None:
            return
        if name in COPYING:
            self._known[out] = known
        elif name in ("view", "_unsafe_view"):
            self._known[out] = [each.reshape(out.shape) for each in known]
        elif name in MOVING:
            moved = [func(**{**arguments, "self": each}) for each in known]
            if isinstance(out, Tensor):
                self._known[out] = moved
            else:
                for place, each in enumerate(out):
                    self._known[each] = [pieces[place] for pieces in moved]

    def of(self, tensor: Tensor) -> Atoms | None:
        """Return the atoms of all parameter entries that a tensor is proportional to; None where that is not known."""
        known = self._known.get(tensor)
        return None if known is None else np.unique(np.concatenate([each.unique().numpy() for each in known]))
