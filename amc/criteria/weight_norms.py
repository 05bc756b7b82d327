"""Criteria that look at weights alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from amc.criteria.evidence import Evidence, Importance


def l1(evidence: Evidence) -> Importance:
    """The L1 norm of the weights that read a channel (Li et al. 2017; at the consumer as in AMC's released code)."""
    return _norms(evidence, lambda rows: rows.abs().sum(1))


def l2(evidence: Evidence) -> Importance:
    """The L2 norm of the weights that read a channel (Li et al. 2017, section 4.4)."""
    return _norms(evidence, lambda rows: rows.square().sum(1).sqrt())


def bn_scale(evidence: Evidence) -> Importance:
    """The absolute scale of the batch norms along a channel (network slimming, Liu et al. 2017).

    Groups without a batch norm are judged by `l1`.
    """
    total = np.zeros(evidence.graph.unit_count)
    for name, module in evidence.model.named_modules():
        weight = f"{name}.weight" if name else "weight"
        axis = evidence.graph.tensors.get(weight, {}).get(0)
        if not isinstance(module, _BatchNorm) or axis is None:
            continue
        scale = module.weight.detach().abs().double().cpu().numpy()
        for units in axis.memberships:
            inside = units >= 0
            np.add.at(total, units[inside], scale[inside])
    without = l1(evidence)
    for group in evidence.graph.groups:
        if not total[group.slice].any():
            total[group.slice] = without[group.slice]
    return total


def random_importance(evidence: Evidence) -> Importance:
    """A random number in [0, 1) for each unit: what every criterion has to beat."""
    return np.random.default_rng(evidence.seed).random(evidence.graph.unit_count)


def _norms(evidence: Evidence, norm: Callable[[Tensor], Tensor]) -> Importance:
    found = {}
    for layer in evidence.consumers():
        assert layer.weight is not None
        rows = evidence.parameters[layer.weight].transpose(0, layer.in_dimension).flatten(1)
        found[layer.weight] = norm(rows).double().cpu().numpy()
    return evidence.unit_importance(found)
