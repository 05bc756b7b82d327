"""Shapes and types of a network's inputs, as a user writes them: `3x224x224`, or `3x64x64,10:int64` for two inputs."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from amc.errors import UserError
from amc.graph.inputs import Example, tensors

TYPES = {"float32": torch.float32, "float64": torch.float64, "int32": torch.int32, "int64": torch.int64}
TYPES |= {"uint8": torch.uint8, "bool": torch.bool}
FORM = re.compile(r"([1-9]\d*(?:x[1-9]\d*)*)(?::(\w+))?")


def zeros(spec: str, batch: int = 1) -> Example:
    """Example of these shapes, which leave the batch out, and types, float32 where none is said; all are zero.

    Raises:
        UserError: a spec of another form, a type that there is not, or an input that does not fit in memory.
    """
    tensors = tuple(_zeros(part.strip(), batch) for part in spec.split(","))
    return tensors[0] if len(tensors) == 1 else tensors


def spec_of(inputs: Example) -> str:
    """The shapes and types of these inputs."""
    return ",".join(map(_spec, tensors(inputs)))


def _zeros(part: str, batch: int) -> Tensor:
    match = FORM.fullmatch(part)
    if match is None or (match[2] or "float32") not in TYPES:
        raise UserError(
            f"expected --input-spec such as 3x224x224 or 3x64x64,10:int64 (types: {', '.join(TYPES)}), got {part!r}"
        )
    try:
        return torch.zeros(batch, *map(int, match[1].split("x")), dtype=TYPES[match[2] or "float32"])
    except RuntimeError as error:
        raise UserError(f"an input of {part} does not fit in memory") from error


def _spec(tensor: Tensor) -> str:
    shape = "x".join(map(str, tensor.shape[1:]))
    return shape if tensor.dtype == torch.float32 else f"{shape}:{str(tensor.dtype).removeprefix('torch.')}"
