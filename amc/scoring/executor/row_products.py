"""Linear layers of which an image's outputs do not depend on where the image lies among others.

A race scores images in another order than a pass over all of them. PyTorch multiplies matrices by MKL, which rounds a
row by its place on some processors (of AMD, for one); oneDNN, which runs the convolutions, does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from amc.replay.operator_trace import Step

aten = torch.ops.aten


def row_product(rows: Tensor, matrix: Tensor) -> Tensor:
    """The product of `rows`, `(n, in)`, and `matrix`, `(in, out)`."""
    return shifted_row_product(None, rows, matrix)


def shifted_row_product(shift: Tensor | None, rows: Tensor, matrix: Tensor) -> Tensor:
    """The product of `rows`, `(n, in)`, and `matrix`, `(in, out)`, with `shift`, `(out,)`, added to each row."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(rows, matrix.t(), shift, "none", [], "")
    return out


def by_rows(step: Step, shapes: Mapping[int, torch.Size]) -> Step:
    """The same step by oneDNN where it multiplies rows by a matrix; other steps as they are.

    Args:
        step: A step of a program.
        shapes: The shape of every tensor, by slot.
    """
    if step.function == aten.mm.default:
        return replace(step, function=row_product, returns_new=True)
    if step.function == aten.addmm.default and not step.kwargs and len(shapes[step.args[0].number]) == 1:
        return replace(step, function=shifted_row_product, returns_new=True)
    return step
