"""Shapes and types of a network's inputs, as a user writes them.

Examples are `3x224x224`, `3x64x64,10:int64` for two inputs, `image=3x64x64,boxes=4` for inputs that are passed by name,
and `scalar:int64` for one number of each sample.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from amc.graph.inputs import Example, tensors
from amc.utils.errors import UserError
from amc.utils.option_names import worded

TYPES = {"float32": torch.float32, "float64": torch.float64, "int32": torch.int32, "int64": torch.int64}
"""Number formats of inputs, by the names that a user gives."""
TYPES |= {"uint8": torch.uint8, "bool": torch.bool}
SCALAR = "scalar"
"""The shape of an input that is one number for each sample."""
FORM = re.compile(rf"(?:([^\W\d]\w*)=)?({SCALAR}|[1-9]\d*(?:x[1-9]\d*)*)(?::(\w+))?")


def zero_inputs(spec: str, batch: int = 1) -> Example:
    """Return an example of zeros of the shapes (without the batch) and types (float32 by default) in `spec`.

    Raises:
        UserError: `spec` has another form or an unknown type, or an input does not fit in memory.
    """
    pairs = [_zeros(part.strip(), batch) for part in spec.split(",")]
    named = {name: tensor for name, tensor in pairs if name}
    if named and len(named) < len(pairs):
        raise UserError(f"expected a name of its own for each input of {_called()}, or none for any, got {spec!r}")
    if named:
        return named
    return pairs[0][1] if len(pairs) == 1 else tuple(tensor for _, tensor in pairs)


def describe_inputs(inputs: Example) -> str:
    """Return the shapes and types of `inputs` as text, in the form that `zero_inputs` reads."""
    if isinstance(inputs, dict):
        return ",".join(f"{name}={_spec(tensor)}" for name, value in inputs.items() for tensor in tensors((value,)))
    return ",".join(map(_spec, tensors(inputs)))


def _zeros(part: str, batch: int) -> tuple[str, Tensor]:
    match = FORM.fullmatch(part)
    if match is None or (match[3] or "float32") not in TYPES:
        raise UserError(
            f"expected {_called()} such as 3x224x224 or 3x64x64,10:int64 (types: {', '.join(TYPES)}), got {part!r}"
        )
    try:
        shape = () if match[2] == SCALAR else map(int, match[2].split("x"))
        return match[1] or "", torch.zeros(batch, *shape, dtype=TYPES[match[3] or "float32"])
    except RuntimeError as error:
        raise UserError(f"an input of {part} does not fit in memory") from error


def _called() -> str:
    return worded(command="--input-spec", python="a shape")


def _spec(tensor: Tensor) -> str:
    shape = "x".join(map(str, tensor.shape[1:])) or SCALAR
    return shape if tensor.dtype == torch.float32 else f"{shape}:{str(tensor.dtype).removeprefix('torch.')}"
