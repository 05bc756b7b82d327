"""Scoring a network on images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from amc.errors import UserError
from amc.graph.inputs import Example, arguments, feed, tensors
from amc.text import nearest, one_line
from amc.userfile import FORM, is_user_function, load_function

Batches = Iterable[tuple[Any, Any]]
Metric = Callable[[nn.Module, Batches], float]
"""A function of a network in evaluation mode and batches of inputs and targets; larger is better, 1 is the best."""


def answered_right(model: Callable[..., Tensor], batches: Batches, k: int = 1) -> Tensor:
    """Whether the class of each image is among its `k` largest outputs, `(images,)` bool, on the CPU.

    Waits for the device once, at the end.
    """
    right = []
    with torch.inference_mode():
        for inputs, targets in batches:
            scores = model(*arguments(inputs))
            hits = scores.topk(min(k, scores.shape[1]), dim=1).indices == targets[:, None]
            right.append(hits.any(dim=1))
    return torch.cat(right or [torch.zeros(0, dtype=torch.bool)]).cpu()


def _top(k: int) -> Metric:
    def accuracy(model: nn.Module, batches: Batches) -> float:
        right = answered_right(model, batches, k)
        return int(right.sum()) / len(right)

    return accuracy


TOP = {"top1": 1, "top5": 5}
METRICS: dict[str, Metric] = {name: _top(k) for name, k in TOP.items()}
"""Metrics by name: the share of images whose class is among the 1 or 5 largest outputs, in [0, 1]."""


def find_metric(name: str) -> Metric:
    """The metric of that name, or the user's own `path/to/file.py:function`.

    Raises:
        UserError: unknown name, no such function. What the user's function returns is checked when it is called.
    """
    if is_user_function(name):
        return _checked(name, load_function(name))
    if name not in METRICS:
        raise UserError(f"unknown metric {name!r}; {nearest(name, METRICS)}, or give {FORM}")
    return METRICS[name]


def _checked(name: str, function: Callable[..., Any]) -> Metric:
    def metric(model: nn.Module, batches: Batches) -> float:
        try:
            with torch.no_grad():
                value = float(function(model, batches))
        except Exception as error:
            raise UserError(f"metric {name} failed: {one_line(error)}") from error
        if not torch.isfinite(torch.tensor(value)):
            raise UserError(f"metric {name} returned {value}; a finite number is needed, larger being better")
        return value

    return metric


def check_runs(model: nn.Module, example: Example) -> Any:
    """What the network makes of an example, each input `(n, ...)`.

    Raises:
        UserError: it fails, whatever with.
    """
    try:
        with torch.no_grad():
            return feed(model, example)
    except Exception as error:
        shapes = [str(tuple(tensor.shape)) for tensor in tensors(example)]
        given = f"an input of shape {shapes[0]}" if len(shapes) == 1 else f"inputs of shapes {', '.join(shapes)}"
        raise UserError(
            f"the network fails on {given}: {one_line(error)};"
            " check --image-size and the number of colour channels (--mean), or --input-spec"
        ) from error


def moved(batches: Batches, device: torch.device) -> Iterator[tuple[Any, Any]]:
    """The batches on `device`, image tensors `(n, c, h, w)` with their channels last; several inputs as a tuple."""
    for inputs, targets in batches:
        yield moved_inputs(inputs, device), _to(targets, device)


def moved_inputs(inputs: Example, device: torch.device) -> Example:
    """One batch on `device`, as `moved`."""
    if isinstance(inputs, Tensor):
        return _to(inputs, device)
    return tuple(_to(tensor, device) for tensor in inputs)


def _to(value: Any, device: torch.device) -> Any:
    if not isinstance(value, Tensor):
        return value
    if value.ndim == 4:
        return value.to(device, non_blocking=True, memory_format=torch.channels_last)
    return value.to(device, non_blocking=True)
