"""The projection of actions into their feasible interval, with a gradient that lets them come back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, actions: Tensor, intervals: Tensor) -> Tensor:
        ctx.save_for_backward(actions, intervals)
        return actions.clamp(intervals[:, :1], intervals[:, 1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        actions, intervals = ctx.saved_tensors
        (grad,) = grads
        # descent moves against the gradient: one that leads further out of the interval is dropped
        outwards = ((actions < intervals[:, :1]) & (grad > 0)) | ((actions > intervals[:, 1:]) & (grad < 0))
        return grad.masked_fill(outwards, 0.0), None


def project(actions: Tensor, intervals: Tensor) -> Tensor:
    """The `actions` `(n, 1)`, clamped to `intervals` `(n, 2)` of least and largest feasible action.

    A plain clamp has no gradient outside, so that an actor that left the interval would stay there. Here the gradient
    passes where a step of descent leads back in.
    """
    projected: Tensor = _Project.apply(actions, intervals)
    return projected
