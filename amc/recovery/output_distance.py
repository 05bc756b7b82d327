"""How far a network's outputs are from the original's: what recovery by gradients minimises and fidelity measures."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from amc.graph.trace_forward import output_tensors
from amc.utils.errors import UserError

SCORES = "scores"
"""The kind of an output that holds scores of classes `(n, classes, ...)` before a softmax, along dimension 1."""
VALUES = "values"
"""The kind of any other output, such as coordinates, features, depths."""
KINDS = {
    SCORES: "scores of classes, compared as probabilities: exp(-mean KL divergence)",
    VALUES: "any numbers: 1 - squared error relative to the original's energy",
}
"""Kinds of outputs by name, with how fidelity compares them."""
OutputKinds = tuple[str, ...]
"""The kind of each of a network's outputs (`float_tensors`)."""


class OutputError(NamedTuple):
    """The error of one output, as parts per image; the sum of one over the sum of the other is unbounded, 0 the best.

    Attributes:
        error: For scores the Kullback-Leibler divergence in nats of the original's class probabilities from the
            network's, a mean over positions; for values the sum of squared errors; `(n,)`, not negative.
        energy: For scores 1; for values the sum of the original's squares; `(n,)`.
    """

    error: Tensor
    energy: Tensor


def float_tensors(outputs: Any) -> list[Tensor]:
    """The floating-point tensors in what a network returned, however nested, in the order of PyTorch's pytrees."""
    return [tensor for tensor in output_tensors(outputs) if tensor.is_floating_point()]


def output_distance(outputs: Any, originals: Any, kinds: OutputKinds) -> Tensor:
    """How far a network's outputs are from the original's on each image, without an upper bound; differentiable.

    Args:
        outputs: What the network returned for a batch of images: tensors `(n, ...)`, however nested.
        originals: What the original returned for the same images.
        kinds: The kind of each floating-point tensor; others are ignored.

    Returns:
        The mean over outputs of the Kullback-Leibler divergence in nats (scores), or of the squared error relative to
        the energy of the original's output, a mean over the batch (values); `(n,)`, 0 for equal outputs, never
        negative. An output that is zero throughout counts with its squared error.

    Raises:
        UserError: The network returns other outputs than the original, by number or by shape.
    """
    return torch.stack([_relative(each) for each in output_errors(outputs, originals, kinds)]).mean(dim=0)


def output_errors(outputs: Any, originals: Any, kinds: OutputKinds) -> list[OutputError]:
    """The error of each output; arguments and errors raised are those of `output_distance`.

    An output that has no row for each image, such as anchors, counts alike on all of them.
    """
    found, wanted = float_tensors(outputs), float_tensors(originals)
    if [tensor.shape for tensor in found] != [tensor.shape for tensor in wanted] or len(found) != len(kinds):
        raise UserError(
            f"expected outputs of shapes {_shapes(wanted)}, as the original network's, got {_shapes(found)}; fidelity"
            " compares networks that return as many numbers whatever they see"
        )
    images = next((len(tensor) for tensor in found if tensor.ndim), 1)
    return [_error(*each, images) for each in zip(found, wanted, kinds, strict=True)]


def divisor(energy: Tensor) -> Tensor:
    """What squared errors are divided by to be relative to an energy, a scalar: 1 where that is 0, as of dead channels.

    They count as they are then.
    """
    return torch.where(energy > 0, energy, 1.0)


def _error(output: Tensor, original: Tensor, kind: str, images: int) -> OutputError:
    wide = torch.promote_types(output.dtype, torch.float32)
    output, original = output.to(wide), original.to(wide)
    if kind == SCORES:
        logs = log_softmax(output, dim=1), log_softmax(original, dim=1)
        divergence = kl_div(*logs, reduction="none", log_target=True).sum(dim=1).clamp(min=0)  # rounding
        error = _rows(divergence, images).mean(dim=1)
        return OutputError(error, torch.ones_like(error))
    parts = (output - original).square(), original.square()
    return OutputError(*(_rows(part, images).sum(dim=1) for part in parts))


def _rows(tensor: Tensor, images: int) -> Tensor:
    """The tensor with one row for each image."""
    if tensor.ndim and len(tensor) == images:
        return tensor.reshape(images, -1)
    return tensor.reshape(1, -1).expand(images, -1)


def _relative(parts: OutputError) -> Tensor:
    return parts.error / divisor(parts.energy.mean())


def _shapes(found: list[Tensor]) -> str:
    return ", ".join(str(tuple(tensor.shape)) for tensor in found) or "none"
