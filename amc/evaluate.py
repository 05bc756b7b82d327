"""Scoring a network on images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

Batches = Iterable[tuple[Tensor, Tensor]]
Metric = Callable[[nn.Module, Batches], float]
"""A function of a network in evaluation mode and batches of inputs and targets; larger is better, 1 the best."""


def _top(k: int) -> Metric:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        right = total = 0
        with torch.inference_mode():
            for inputs, targets in batches:
                scores = model(inputs)
                hits = scores.topk(min(k, scores.shape[1]), dim=1).indices == targets[:, None]
                right += int(hits.sum())
                total += len(targets)
        return right / total

    accuracy.__doc__ = f"Share of images whose class is among the {k} with the largest outputs."
    return accuracy


METRICS: dict[str, Metric] = {"top1": _top(1), "top5": _top(5)}
"""Metrics by name, in [0, 1]."""


def moved(batches: Batches, device: torch.device) -> Iterable[tuple[Any, Any]]:
    """The batches with their tensors on `device`."""
    for inputs, targets in batches:
        yield _to(inputs, device), _to(targets, device)


def _to(value: Any, device: torch.device) -> Any:
    return value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
