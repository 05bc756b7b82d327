"""How far apart two tensors are, where some of their numbers may not be finite."""

from __future__ import annotations

import torch
from torch import Tensor


def largest(values: Tensor) -> float:
    """Return the largest absolute value of those that are finite; 0 where there are none."""
    finite = values[values.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0


def is_same(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors of one shape and number format have the same bits, whatever numbers they are."""
    return torch.equal(*(each.detach().contiguous().reshape(-1).view(torch.uint8) for each in (one, other)))


def furthest(one: Tensor, other: Tensor, *, equal_nan: bool = False) -> float:
    """Return the largest absolute difference of two tensors of one shape; 0 for empty ones.

    Equal infinities are not apart. Numbers that are not defined make the result one, but for pairs of them where they
    count as equal.
    """
    if not one.is_floating_point() and not one.is_complex():
        one, other = one.double(), other.double()
    same = (one == other) | (one.isnan() & other.isnan() & equal_nan)
    apart = torch.where(same, torch.zeros((), dtype=one.dtype, device=one.device), one - other).abs()
    return float(apart.max()) if apart.numel() else 0.0
