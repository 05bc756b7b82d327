"""Batch-norm statistics of a pruned network, taken again on calibration images (EagleEye, Li et al. 2020).

Statistics come about in three other places: a search takes the same ones faster
(`amc/scoring/executor/statistics_pass.py`), the asymmetric reconstruction takes them as it goes from layer to layer
(`amc/recovery/asymmetric.py`), and least squares have them in closed form (`amc/recovery/reconstruction.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from amc.graph.inputs import Example, feed

A_VECTOR = 16
"""The number of channels that fill what a processor computes at once."""
WIDE = 16
"""The number of pixels in a row from which on it pays to normalise a row at once where channels fill no vector."""


def has_tracked_statistics(model: nn.Module) -> bool:
    """Whether the network has a batch norm with running statistics."""
    return any(tracks_statistics(module) for module in model.modules())


def tracks_statistics(module: nn.Module) -> bool:
    """Whether the module is a batch norm with running statistics, which `reestimate` replaces."""
    return isinstance(module, _BatchNorm) and bool(module.track_running_stats)


def reestimate(model: nn.Module, batches: Iterable[Example]) -> None:
    """Replace running means and variances by their averages over `batches` of inputs `(n, ...)`, in place.

    Every value counts the same, however unequal the batches and however often a norm runs in one pass. Each batch is
    normalised by its own statistics; one that has a single value per channel by the statistics so far. The network
    stays in evaluation mode.
    """
    norms = [module for module in model.modules() if tracks_statistics(module)]
    if not norms:
        return
    averages = StatisticsAverages()

    def note(norm: Any, inputs: tuple[Tensor]) -> None:
        averages.add(norm.running_mean, norm.running_var, *inputs)

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    try:
        with torch.no_grad():
            for inputs in batches:
                feed(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
        averages.write_back()


class StatisticsAverages:
    """The averages of the statistics of everything that batch norms read, by the running mean that a norm holds."""

    def __init__(self) -> None:
        self._of: dict[int, _Average] = {}

    def add(self, mean: Tensor, var: Tensor, x: Tensor) -> None:
        """Add the statistics of an input to the average, and give them to the norm, which normalises the input by them.

        Args:
            mean: The norm's running mean, `(c,)`.
            var: The norm's running variance, `(c,)`.
            x: What the norm reads, `(n, c, ...)`.
        """
        average = self._of.get(id(mean))
        if average is None:
            average = self._of[id(mean)] = _Average(mean, var)
        average.add(x)

    def write_back(self) -> None:
        """Give all norms their averages."""
        for average in self._of.values():
            average.write_back()

    def __contains__(self, mean: Tensor) -> bool:
        return id(mean) in self._of


class _Average:
    def __init__(self, mean: Tensor, var: Tensor) -> None:
        self._held = mean, var
        self._values = 0
        self._mean, self._var = mean.clone(), var.clone()

    def add(self, x: Tensor) -> None:
        values = x.numel() // x.shape[1]  # per channel; a single one has no variance
        if values == 1:
            self.write_back()
            return
        mean, var = channel_statistics(x)
        self._values += values
        share = values / self._values
        self._mean.lerp_(mean.to(self._mean), share)
        self._var.lerp_((var * (values / (values - 1))).to(self._var), share)
        self._hold(mean, var)

    def write_back(self) -> None:
        self._hold(self._mean, self._var)

    def _hold(self, mean: Tensor, var: Tensor) -> None:
        for held, value in zip(self._held, (mean, var), strict=True):
            held.copy_(value)


def channel_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of every channel of `x` `(n, c, ...)`, `(c,)` each, float32, or float64 of float64."""
    dtype = x.dtype if x.dtype == torch.float64 else torch.float32
    row = x.shape[3] if _is_channels_last(x) else 1
    rows = _rows(x) if row > 1 else x
    held = torch.empty(2, rows.shape[1], dtype=dtype, device=x.device)  # says in which number format to answer
    mean, var = (each.view(row, -1) for each in torch.batch_norm_update_stats(rows, held[0], held[1], 1.0))
    return mean.mean(0), var.mean(0) + mean.var(0, correction=0)


def batch_normalised(
    x: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, epsilon: float
) -> Tensor:
    """The output of a batch norm with the given statistics and parameters, `(c,)` each, for `x` `(n, c, ...)`."""
    row = x.shape[3] if _is_channels_last(x) else 1
    if row < WIDE or x.shape[1] % A_VECTOR == 0:
        return F.batch_norm(x, mean, var, weight, bias, eps=epsilon)
    mean, var = mean.repeat(row), var.repeat(row)
    weight, bias = (None if each is None else each.repeat(row) for each in (weight, bias))
    out = F.batch_norm(_rows(x), mean, var, weight, bias, eps=epsilon)
    n, channels, height, width = x.shape
    return out.transpose(1, 2).view(n, height, width, channels).permute(0, 3, 1, 2)


def _is_channels_last(x: Tensor) -> bool:
    return x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)


def _rows(x: Tensor) -> Tensor:
    """Images as rows of pixels, `(n, w * c, h, 1)` of `(n, c, h, w)`, as a view.

    The few channels of an image whose channels are last do not fill the processor's vectors: those of a whole row of
    pixels do.
    """
    n, channels, height, width = x.shape
    return x.permute(0, 2, 3, 1).view(n, height, width * channels, 1).transpose(1, 2)
