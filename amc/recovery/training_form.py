"""The steps of a program as they are run in training: batch norms folded into convolutions, products in one format.

A batch norm whose statistics are frozen scales and shifts channels. Folded into the convolution before it, which the
gradients pass through, it costs no pass over the activations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from amc.replay.operator_trace import Step
from amc.replay.sizeless_operators import CONVOLUTION, TRANSPOSED

aten = torch.ops.aten
NORMS: dict[Any, int | None] = {
    aten.native_batch_norm.default: 5,
    aten._native_batch_norm_legit_no_training.default: None,
    aten.cudnn_batch_norm.default: 5,
}
"""Batch norms, and the place among their arguments of whether they take the statistics of the batch, if any."""
PRODUCTS = {aten.addmm.default, aten.mm.default, aten.bmm.default, CONVOLUTION}
"""The operators that are computed in the number format of the training."""
SCALED = {aten._prelu_kernel.default}
"""The operators of a tensor and a parameter that has to be in its number format."""


def training_steps(steps: Sequence[Step], output: int, dtype: torch.dtype | None) -> list[Step]:
    """The steps of a program in which batch norms with frozen statistics are folded, and products are in one format.

    There are as many as before, so that places keep their numbers: a folded convolution does nothing where it was, and
    runs where its batch norm did.

    Args:
        steps: The steps of a program.
        output: The slot of what the program returns.
        dtype: The number format of products, from which that of everything else follows; None to leave it.
    """
    reads = Counter([output, *(slot for step in steps for slot in step.reads)])
    result = list(steps)
    made = {step.out[0]: place for place, step in enumerate(steps) if step.function is CONVOLUTION}
    for place, step in enumerate(steps):
        if step.function not in NORMS or _uses_batch(step):
            continue
        source = step.reads[0]
        convolution = made.get(source)
        if convolution is None or reads[source] != 1 or steps[convolution].args[TRANSPOSED]:
            continue
        if any(each.changes_arguments for each in steps[convolution:place]):
            continue  # which might change what the convolution reads
        result[convolution] = Step(_nothing, (), {}, steps[convolution].out)
        norm = (*step.args[1:5], step.args[-1 if NORMS[step.function] is None else 7])
        function = _folded(dtype, len(step.out))
        result[place] = replace(step, function=function, args=(steps[convolution].args, norm), kwargs={})
    return result if dtype is None else [_in_format(step, dtype) for step in result]


def _uses_batch(step: Step) -> bool:
    place = NORMS[step.function]
    return place is not None and bool(step.args[place])


def _nothing() -> None:
    return None


def _in_format(step: Step, dtype: torch.dtype) -> Step:
    if step.function in SCALED:
        return replace(step, function=lambda x, weight: step.function(x, weight.to(x.dtype)))
    return replace(step, function=_cast(step.function, dtype)) if step.function in PRODUCTS else step


def _cast(function: Callable[..., Any], dtype: torch.dtype) -> Callable[..., Any]:
    def product(*args: Any) -> Any:
        return function(*(each.to(dtype) if isinstance(each, Tensor) else each for each in args))

    return product


def _folded(dtype: torch.dtype | None, returned: int) -> Callable[..., Any]:
    """A convolution and the norm behind it, with the output and None for the others of what the norm `returned`."""

    def convolution_and_norm(convolution: Sequence[Any], norm: Sequence[Any]) -> list[Tensor | None]:
        x, weight, bias, *rest = convolution
        gain, shift, mean, var, epsilon = norm
        scale = (var + epsilon).rsqrt()
        if gain is not None:
            scale = scale * gain
        constant = -mean * scale if bias is None else (bias - mean) * scale
        if shift is not None:
            constant = constant + shift
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
        given = (x, weight, constant) if dtype is None else (x.to(dtype), weight.to(dtype), constant.to(dtype))
        return [CONVOLUTION(*given, *rest), *[None] * (returned - 1)]

    return convolution_and_norm
