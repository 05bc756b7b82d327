"""Batch-norm statistics of a pruned network, taken again on calibration images (EagleEye, Li et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from amc.graph.inputs import Example, feed


def has_statistics(model: nn.Module) -> bool:
    """Whether there is a batch norm that keeps statistics."""
    return any(_keeps_statistics(module) for module in model.modules())


def _keeps_statistics(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) and bool(module.track_running_stats)


def reestimate(model: nn.Module, batches: Iterable[Example]) -> None:
    """Replace running means and variances by their averages over `batches` of inputs, in place.

    Every value counts the same, however unequal the batches and however often a norm runs in one pass. Each batch is
    normalised by its own statistics; one that has a single value per channel by the statistics so far. The network
    stays in evaluation mode.
    """
    averages = {
        module: _Average(module)
        for module in model.modules()
        if isinstance(module, _BatchNorm) and _keeps_statistics(module)
    }
    if not averages:
        return
    hooks = [norm.register_forward_pre_hook(average.add) for norm, average in averages.items()]
    try:
        with torch.no_grad():
            for inputs in batches:
                feed(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for average in averages.values():
            average.put()


class _Average:
    """Of the statistics of all that one batch norm reads."""

    def __init__(self, norm: _BatchNorm) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self._held = norm.running_mean, norm.running_var
        self._values = 0
        self._mean, self._var = norm.running_mean.clone(), norm.running_var.clone()

    def add(self, _: nn.Module, inputs: tuple[Tensor]) -> None:
        """Note the statistics of an input, and have it normalised by them."""
        (x,) = inputs
        values = x.numel() // x.shape[1]  # per channel; a single one has no variance
        if values == 1:
            self.put()
            return
        mean, var = moments(x)
        self._values += values
        share = values / self._values
        self._mean.lerp_(mean.to(self._mean), share)
        self._var.lerp_((var * (values / (values - 1))).to(self._var), share)
        self._hold(mean, var)

    def put(self) -> None:
        """Have the norm hold what was found so far."""
        self._hold(self._mean, self._var)

    def _hold(self, mean: Tensor, var: Tensor) -> None:
        for held, value in zip(self._held, (mean, var), strict=True):
            held.copy_(value)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of every channel of `(n, c, ...)`, float32, or float64 of float64.

    The few channels of an image whose channels are last do not fill the processor's vectors: those of a whole row of
    pixels do, and are put together afterwards.
    """
    dtype = x.dtype if x.dtype == torch.float64 else torch.float32
    row = 1
    if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
        n, channels, height, row = x.shape
        x = x.permute(0, 2, 3, 1).view(n, height, row * channels, 1).transpose(1, 2)
    held = torch.empty(2, x.shape[1], dtype=dtype, device=x.device)  # says in which number format to answer
    mean, var = (each.view(row, -1) for each in torch.batch_norm_update_stats(x, held[0], held[1], 1.0))
    return mean.mean(0), var.mean(0) + mean.var(0, correction=0)
