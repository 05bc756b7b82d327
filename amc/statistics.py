"""Batch-norm statistics of a pruned network, taken again on calibration images (EagleEye, Li et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def reestimate(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace running means and variances by their averages over `batches` of inputs, in place.

    Only the batch norms are put into training mode, and only for the pass; dropout stays off.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over all batches
        norm.train()
    try:
        with torch.no_grad():
            for inputs in batches:
                model(inputs)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
