"""The check that a network's weights are finite numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from amc.utils.errors import UserError

STATISTICS = ("running_mean", "running_var")


def check_finite(model: nn.Module, source: str) -> None:
    """Check that no parameter and no running statistic of `model` holds NaN or infinity.

    Other buffers may hold infinity, as masks do.

    Raises:
        UserError: A tensor is not finite or has no values; it is named, and `source` stands for the weights.
    """
    for name, tensor, infinity in _tensors(model):
        if tensor.is_meta:
            raise UserError(f"{source}: expected weights, {name} is on the meta device and has no values; load some")
        bad = _not_finite(tensor, infinity)
        if bad:
            raise UserError(
                f"{source}: expected finite weights, {bad} of {tensor.numel()} values of {name} are NaN or infinite;"
                " give weights from before the training diverged"
            )


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    """Yield the name of each tensor, the tensor, and whether infinity is allowed in it."""
    for name, parameter in model.named_parameters():
        if not is_lazy(parameter):
            yield name, parameter.detach(), False
    for name, buffer in model.named_buffers():
        if not is_lazy(buffer):
            yield name, buffer, not name.endswith(STATISTICS)


def _not_finite(tensor: Tensor, infinity: bool) -> int:
    if not tensor.is_floating_point() and not tensor.is_complex():
        return 0
    values = tensor.float() if tensor.element_size() < 2 else tensor  # few operators take 8-bit numbers
    bad = torch.isnan(values) if infinity else ~torch.isfinite(values)
    return int(bad.sum())
