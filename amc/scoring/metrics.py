"""Metrics: functions that score a network on images."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from amc.graph.inputs import Example, clone_inputs, feed, tensors
from amc.graph.raw_heads import RawHeads, comparable_outputs
from amc.pruning.inference_form import is_kept_contiguous, keep_contiguous
from amc.scoring.fidelity import Fidelity
from amc.scoring.mean_ap import MeanAveragePrecision
from amc.scoring.mean_iou import MeanIoU
from amc.utils.errors import UserError
from amc.utils.option_names import option, worded
from amc.utils.registry import UserFunction, resolve, takes
from amc.utils.text import one_line

Batches = Iterable[tuple[Any, Any]]
Metric = Callable[[nn.Module, Batches], float]
"""A function from a network in evaluation mode and batches of inputs and targets to a score; larger is better."""
CALLED = "a metric is called with the network and an iterable of (inputs, targets), and returns a number"
"""How messages say what a metric of a user's own is given."""


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


@dataclass(frozen=True)
class TopK:
    """The metric that is the share of images whose class is among the `k` largest outputs, in [0, 1]."""

    k: int

    def __call__(self, model: nn.Module, batches: Batches) -> float:
        """The share of the images in `batches` whose class is among the `k` largest outputs, in [0, 1]."""
        right = answered_right(model, batches, self.k)
        return int(right.sum()) / len(right)


FIDELITY = "fidelity"
"""The name of the metric that compares outputs with the original's."""
CLASS_METRICS: dict[str, TopK] = {"top1": TopK(1), "top5": TopK(5)}
"""Metrics that compare classes with labels, by name."""
METRICS: dict[str, Metric] = {**CLASS_METRICS, FIDELITY: Fidelity(), "miou": MeanIoU(), "map": MeanAveragePrecision()}
"""Metrics by name."""


def find_metric(given: str | Metric) -> Metric:
    """The metric of that name, or the user's own: `path/to/file.py:function`, or from Python a `Metric`.

    Raises:
        UserError: There is no metric of that name, no such function, or one that takes other arguments. What the
            function returns is checked when it is called.
    """
    if isinstance(given, UserMetric | TopK | Fidelity | MeanIoU | MeanAveragePrecision):
        return given
    found = resolve("metric", given, METRICS)
    if not isinstance(found, UserFunction):
        return found
    if not takes(found.function, 2):
        raise UserError(f"metric {found.name} takes other arguments: {CALLED}")
    return UserMetric(found)


@dataclass(frozen=True)
class UserMetric:
    """A metric of the user's own, which is run without gradients and has to return a finite number."""

    function: UserFunction

    def __call__(self, model: nn.Module, batches: Batches) -> float:
        """The number that the user's function returns.

        Raises:
            UserError: The function fails, or returns something else than a finite number.
        """
        with torch.no_grad(), self.function.errors_named(CALLED):
            value = float(self.function.function(model, batches))
        if not math.isfinite(value):
            name = self.function.name
            raise UserError(f"metric {name} returned {value}; a finite number is needed, larger being better")
        return value


def top_k(metric: Metric) -> int | None:
    """The number of classes that a metric of single images looks at; None for a metric of another kind."""
    return metric.k if isinstance(metric, TopK) else None


def compares_classes(metric: str | Metric) -> bool:
    """Whether a metric compares the network's classes with labels, as top1 and top5 do; a user's own may."""
    return metric in CLASS_METRICS if isinstance(metric, str) else top_k(metric) is not None


def compares_outputs(metric: str | Metric) -> bool:
    """Whether a metric compares outputs with those of the original."""
    return metric == FIDELITY if isinstance(metric, str) else isinstance(metric, Fidelity)


def check_runs(model: nn.Module, example: Example, heads: RawHeads = ()) -> Any:
    """The network's outputs for an example, whose inputs are `(n, ...)` each; those of `heads` where there are any.

    A network that writes into its inputs, which are read again in every pass, works on copies of them from then on.
    One that fails on images whose channels lie last, as `Tensor.view` may, gets contiguous ones from then on.

    Raises:
        UserError: The network raises anything, or hides what it computes.
    """
    own = clone_inputs(example)
    try:
        outputs = _outputs_in_any_layout(model, own, heads)
    except Exception as error:
        shapes = [str(tuple(tensor.shape)) for tensor in tensors(example)]
        given = f"an input of shape {shapes[0]}" if len(shapes) == 1 else f"inputs of shapes {', '.join(shapes)}"
        raise UserError(f"the network fails on {given}: {one_line(error)}; {_advice(error, example)}") from error
    if any(tensor.is_inference() for tensor in tree_leaves(outputs) if isinstance(tensor, Tensor)):
        raise UserError(
            "the network runs its layers under torch.inference_mode, where they can't be followed;"
            " use torch.no_grad in its forward, or nothing: it is run without gradients"
        )
    if not all(torch.equal(one, other) for one, other in zip(tensors(own), tensors(example), strict=True)):
        model.register_forward_pre_hook(_copied_inputs, with_kwargs=True)
    return outputs


def _outputs_in_any_layout(model: nn.Module, inputs: Example, heads: RawHeads) -> Any:
    """The outputs of a network, which is kept contiguous where it fails otherwise."""
    with torch.no_grad():
        try:
            return comparable_outputs(model, inputs, heads)
        except Exception:
            if is_kept_contiguous(model):
                raise
            kept = keep_contiguous(model)
            with suppress(Exception):
                return comparable_outputs(model, inputs, heads)
            kept.remove()
            raise


def _copied_inputs(_: nn.Module, args: Any, kwargs: Any) -> Any:
    """A hook that gives a network copies of its inputs, because it writes into them."""
    return clone_inputs(args), clone_inputs(kwargs)


def _advice(error: Exception, example: Example) -> str:
    if re.search(r"Half|BFloat16|Double|dtype|scalar type|Input type", str(error)):
        others = [each.dtype for each in tensors(example) if each.ndim > 3 and each.dtype != torch.float32]
        if others:
            return f"it is run in float32: give images as that, not {str(others[0]).removeprefix('torch.')}"
        return "it is run in float32: take casts to other number formats out of its forward"
    if isinstance(error, AttributeError) and "NoneType" in str(error):
        return (
            "what it reads there was not set: a function that sets it, such as a hook, must be a method of a module,"
            " since networks are copied"
        )
    if channels := re.search(r"to have (\d+) channels, but got (\d+) channels", str(error)):
        return (
            f"its first layer reads {channels[1]} channels and the images have {channels[2]}: there are as many as"
            f" numbers in {option('mean')} and {option('std')}"
        )
    return (
        f"check {option('image_size')} and the number of colour channels ({option('mean')})"
        f"{worded(command=', or --input-spec', python='')}"
    )


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
