"""Optimisers by name, with the tensors that they keep for each parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim import Optimizer

from amc.artifacts.snapshots import part
from amc.training.learning_rate import MOMENTUM, ScheduleValue

SGD, ADAM = "sgd", "adam"
KEPT = {"momentum_buffer": "velocity.", "exp_avg": "mean.", "exp_avg_sq": "square.", "step": "count."}
"""What optimisers call the tensors that they keep for a parameter, and what stands before its name in checkpoints."""


def _sgd(parameters: Iterable[nn.Parameter], weight_decay: float) -> Optimizer:
    return optim.SGD(parameters, 0.0, MOMENTUM, weight_decay=weight_decay, nesterov=True)


def _adam(parameters: Iterable[nn.Parameter], weight_decay: float) -> Optimizer:
    return optim.AdamW(parameters, 0.0, weight_decay=weight_decay)


OPTIMIZERS: dict[str, Callable[[Iterable[nn.Parameter], float], Optimizer]] = {SGD: _sgd, ADAM: _adam}
"""Functions of parameters and weight decay.

Classifiers are trained by SGD with Nesterov momentum, anything else by AdamW (Loshchilov, Hutter 2019,
arXiv:1711.05101), whose steps are of one size whatever the scale of the loss is.
"""


def set_step(optimizer: Optimizer, learning_rate: float, value: ScheduleValue) -> None:
    """Set the learning rate and the momentum of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * value.rate
        if "betas" in group:
            group["betas"] = (value.momentum, group["betas"][1])
        else:
            group["momentum"] = value.momentum


def optimizer_state(optimizer: Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The tensors that the optimiser of a network keeps, by name; they are not copies."""
    return {
        f"{KEPT[key]}{name}": kept
        for name, parameter in model.named_parameters()
        for key, kept in optimizer.state.get(parameter, {}).items()
        if isinstance(kept, Tensor)
    }


def set_optimizer_state(optimizer: Optimizer, model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give the optimiser of a network what `optimizer_state` returned, among other tensors."""
    for key, prefix in KEPT.items():
        found = part(state, prefix)
        for name, parameter in model.named_parameters():
            if name in found:
                optimizer.state[parameter][key] = _copied(found[name], parameter)


def _copied(kept: Tensor, parameter: Any) -> Tensor:
    if kept.shape != parameter.shape:
        return kept.clone()
    return torch.empty_like(parameter, requires_grad=False).copy_(kept)
