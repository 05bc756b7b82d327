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

    Every value counts the same, however unequal the batches and however often a norm runs in one pass. A norm that
    reads a single value per channel normalises it by the statistics so far. Only the batch norms are put into training
    mode, and only for the pass; dropout stays off.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and _keeps_statistics(module)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    seen: dict[_BatchNorm, int] = dict.fromkeys(norms, 0)

    def weigh(norm: _BatchNorm, inputs: tuple[Tensor]) -> None:
        values = inputs[0].numel() // inputs[0].shape[1]  # per channel; a single one has no variance
        norm.train(values > 1)
        if norm.training:
            seen[norm] += values
            norm.momentum = values / seen[norm]

    hooks = [norm.register_forward_pre_hook(weigh) for norm in norms]
    try:
        with torch.no_grad():
            for inputs in batches:
                feed(model, inputs)
    finally:
        for norm, momentum, hook in zip(norms, momenta, hooks, strict=True):
            hook.remove()
            norm.momentum = momentum
            norm.eval()
