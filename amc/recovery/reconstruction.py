"""New weights for a consumer that lost inputs: least squares from the inputs that are left to its original outputs.

He, Zhang, Sun 2017 (section 3.1), from the Gram matrix alone. With kept inputs S and removed inputs R, the outputs are
`X_S W_S + X_R W_R`, so the best change of `W_S` explains the removed part by the kept inputs:
`W' = W_S + (G_SS + ridge I)^-1 G_SR W_R`. The ridge pulls towards the sliced weights, not towards zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from amc.recovery.calibration import Moments
from amc.recovery.least_squares import RIDGE, NormalEquations, Problem, SampleRows, best_ridge

LARGEST_PART = 2**27
"""The size in bytes of the weights of all outputs that are treated together, in float64."""


class Solved(NamedTuple):
    """The new weights of a consumer.

    Attributes:
        weight: The weight, `(out, kept inputs, *kernel)`, in the number format of the original weight.
        shift: The amount to add to the bias, `(out,)`, in the same format.
    """

    weight: Tensor
    shift: Tensor


def solve(weight: Tensor, moments: Moments, kept: Tensor, with_bias: bool, ridge: float = RIDGE) -> Solved:
    """The weights with which the inputs `kept` come nearest to the original outputs (He, Zhang, Sun 2017, section 3.1).

    Args:
        weight: The original weight, `(out, inputs, *kernel)`; `inputs` of one group in a grouped convolution.
        moments: Second moments of the layer's inputs (`amc.recovery.calibration.collect_moments`).
        kept: Positions along `inputs` that stay, int64 ascending.
        with_bias: Whether a constant can be added to the outputs (by a bias, or by a norm that follows).
        ridge: The ridge, relative to the mean diagonal of the kept inputs' Gram matrix.
    """
    of_input = _of_input(weight, kept)
    change = _problem(_columns(weight, moments, ~of_input), moments, of_input, with_bias).change(ridge)
    count = int(of_input.sum())
    solved = weight.new_empty(len(weight), len(kept), *weight.shape[2:])
    for part in _parts(weight, moments):
        columns = _columns(weight[part], moments, of_input).add_(change[:, :count, part])
        solved[part] = columns.transpose(1, 2).reshape(solved[part].shape)
    shift = change[:, count] if with_bias else change.new_zeros(len(change), change.shape[2])
    return Solved(solved, shift.reshape(-1).to(weight.dtype))


def held_out_ridge(weight: Tensor, moments: Moments, kept: Tensor, with_bias: bool) -> float:
    """The ridge with which `solve` does best on rows held out; `RIDGE` where there are plenty of rows."""
    parts = moments.split()
    if parts is None:
        return RIDGE
    of_input = _of_input(weight, kept)
    removed = _columns(weight, moments, ~of_input)
    seen, held = (_problem(removed, part, of_input, with_bias) for part in parts)
    return best_ridge(seen, held)


def relative_error(weight: Tensor, moments: Moments, kept: Tensor, solved: Solved) -> float:
    """The energy of the outputs that reconstruction could not restore, as a share of their variance, in [0, 1].

    Args:
        weight: The original weight, as for `solve`.
        moments: Second moments of the layer's inputs.
        kept: Positions along the inputs that stay.
        solved: The result of `solve`.
    """
    lost = of_all = 0.0
    for part in _parts(weight, moments):
        energies = _energies(weight[part], moments, kept, Solved(solved.weight[part], solved.shift[part]))
        lost, of_all = lost + energies[0], of_all + energies[1]
    return min(lost / max(of_all, torch.finfo(torch.float64).tiny), 1.0)


def _energies(weight: Tensor, moments: Moments, kept: Tensor, solved: Solved) -> tuple[float, float]:
    """The energies of what reconstruction could not restore, and of the outputs around their mean."""
    lost = weight.detach().double().clone()
    lost[:, kept] -= solved.weight.double()
    residual = _with_constant(_columns(lost, moments), -solved.shift)
    output = _with_constant(_columns(weight, moments), torch.zeros(weight.shape[0]))
    if moments.gram is not None:
        ones = moments.gram[:, -1:, :] / moments.gram[:, -1:, -1:]
        output[:, -1:] -= ones @ output  # centred
        return float((residual * (moments.gram @ residual)).sum()), float((output * (moments.gram @ output)).sum())
    assert moments.rows is not None
    lacking, wanted = moments.rows.double() @ residual, moments.rows.double() @ output
    return float(lacking.square().sum()), float((wanted - wanted.mean(1, keepdim=True)).square().sum())


def _parts(weight: Tensor, moments: Moments) -> Iterator[slice]:
    """Slices of the outputs, as many at once as take `LARGEST_PART` in float64; all where they are in groups."""
    most = len(weight) if moments.groups > 1 else max(1, LARGEST_PART // (8 * weight[0].numel()))
    for start in range(0, len(weight), most):
        yield slice(start, start + most)


def output_statistics(
    weight: Tensor, solved: Solved, moments: Moments, kept: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Mean and variance of a reconstructed consumer's outputs on the original's inputs, `(out,)` each, in closed form.

    Drift of the inputs, where layers before the consumer are cut too, is not seen.

    Args:
        weight: The original weight, as for `solve`.
        solved: The result of `solve`.
        moments: Second moments of the layer's inputs.
        kept: Positions along the inputs that stay.
        bias: The bias that the consumer has after reconstruction; None for none.
    """
    of_input = torch.cat([_of_input(weight, kept), torch.tensor([True])])
    constant = torch.zeros(len(solved.weight)) if bias is None else bias
    matrix = _with_constant(_columns(solved.weight, moments), constant)
    if moments.gram is not None:
        gram = moments.gram[:, of_input][:, :, of_input] / moments.gram[:, -1:, -1:]
        mean = gram[:, -1:] @ matrix
        square = (matrix * (gram @ matrix)).sum(dim=1, keepdim=True)
    else:
        assert moments.rows is not None
        outputs = moments.rows[:, :, of_input].double() @ matrix
        mean, square = outputs.mean(1, keepdim=True), outputs.square().mean(1, keepdim=True)
    return mean.flatten(), (square - mean.square()).clamp(min=0).flatten()


def _of_input(weight: Tensor, kept: Tensor) -> Tensor:
    """The numbers of a row that belong to the inputs `kept`, bool `(inputs * kernel,)`."""
    mask = torch.zeros(weight.shape[1], dtype=torch.bool)
    mask[kept] = True
    return mask.repeat_interleave(weight[0, 0].numel())


def _columns(weight: Tensor, moments: Moments, inside: Tensor | slice = slice(None)) -> Tensor:
    """The weight at the numbers of a row that are `inside`, float64 `(groups, numbers of a row, out per group)`."""
    rows = weight.detach().reshape(moments.groups, -1, weight[0].numel())
    return rows[:, :, inside].double().transpose(1, 2)


def _with_constant(columns: Tensor, constant: Tensor) -> Tensor:
    return torch.cat([columns, constant.detach().double().reshape(len(columns), 1, -1)], dim=1)


def _problem(lost: Tensor, moments: Moments, of_input: Tensor, with_bias: bool) -> Problem:
    """The problem of explaining by the kept inputs the part of the outputs that came by the weights `lost`."""
    inside = torch.cat([of_input, torch.tensor([with_bias])])
    removed = torch.cat([~of_input, torch.tensor([False])])
    if moments.gram is not None:
        kept = moments.gram[:, inside]
        return NormalEquations(kept[:, :, inside], kept[:, :, removed] @ lost)
    assert moments.rows is not None
    rows = moments.rows.double()
    return SampleRows(rows[:, :, inside], rows[:, :, removed] @ lost)
