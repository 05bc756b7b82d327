"""Metrics: functions that score a network on images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from amc.graph.inputs import Example, clone_inputs, feed, tensors
from amc.utils.errors import UserError
from amc.utils.text import did_you_mean, one_line
from amc.utils.user_file import FORM, is_user_function, load_function

Batches = Iterable[tuple[Any, Any]]
Metric = Callable[[nn.Module, Batches], float]
"""A function from a network in evaluation mode and batches of inputs and targets to a score; larger is better."""


def answered_right(model: Callable[..., Any], batches: Batches, k: int = 1) -> Tensor:
    """Whether the class of each image is among its `k` largest outputs, `(images,)` bool, on the CPU.

    It waits for the device once, at the end.

    Args:
        model: A network, or a function that computes as one does, with outputs `(n, classes)`.
        batches: Inputs and targets `(n,)` on the device of the network.
        k: The number of outputs that count.
    """
    right = []
    with torch.inference_mode():
        for inputs, targets in batches:
            scores = feed(model, inputs)
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
        UserError: There is no metric of that name, or no such function. What the function returns is checked when it
            is called.
    """
    if is_user_function(name):
        return _checked(name, load_function(name))
    if name not in METRICS:
        raise UserError(f"unknown metric {name!r}; {did_you_mean(name, METRICS)}, or give {FORM}")
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
    """The network's outputs for an example, whose inputs are `(n, ...)` each.

    A network that writes into its inputs, which are read again in every pass, works on copies of them from then on.

    Raises:
        UserError: The network raises anything, or hides what it computes.
    """
    own = clone_inputs(example)
    try:
        with torch.no_grad():
            outputs = feed(model, own)
    except Exception as error:
        shapes = [str(tuple(tensor.shape)) for tensor in tensors(example)]
        given = f"an input of shape {shapes[0]}" if len(shapes) == 1 else f"inputs of shapes {', '.join(shapes)}"
        raise UserError(f"the network fails on {given}: {one_line(error)}; {_advice(error)}") from error
    if any(tensor.is_inference() for tensor in tree_leaves(outputs) if isinstance(tensor, Tensor)):
        raise UserError(
            "the network runs its layers under torch.inference_mode, where they can't be followed;"
            " use torch.no_grad in its forward, or nothing: it is run without gradients"
        )
    if not all(torch.equal(one, other) for one, other in zip(tensors(own), tensors(example), strict=True)):
        model.register_forward_pre_hook(_copied_inputs, with_kwargs=True)
    return outputs


def _copied_inputs(_: nn.Module, args: Any, kwargs: Any) -> Any:
    """A hook that gives a network copies of its inputs, because it writes into them."""
    return clone_inputs(args), clone_inputs(kwargs)


def _advice(error: Exception) -> str:
    if re.search(r"Half|BFloat16|Double|dtype|scalar type", str(error)):
        return "it is run in float32: take casts to other number formats out of its forward"
    return "check --image-size and the number of colour channels (--mean), or --input-spec"


def moved(batches: Batches, device: torch.device) -> Iterator[tuple[Any, Any]]:
    """The batches with inputs and targets on `device`; images `(n, c, h, w)` lie there with their channels last."""
    for inputs, targets in batches:
        yield moved_inputs(inputs, device), _to(targets, device)


def moved_inputs(inputs: Example, device: torch.device) -> Example:
    """The inputs of one batch on `device`; images `(n, c, h, w)` lie there with their channels last."""
    result: Example = tree_map(lambda leaf: _to(leaf, device), inputs)
    return result


def _to(value: Any, device: torch.device) -> Any:
    if not isinstance(value, Tensor):
        return value
    if value.ndim == 4:
        return value.to(device, non_blocking=True, memory_format=torch.channels_last)
    return value.to(device, non_blocking=True)
