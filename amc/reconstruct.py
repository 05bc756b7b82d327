"""New weights for a consumer that lost inputs: least squares from the inputs that are left to its original outputs.

He, Zhang, Sun 2017 (section 3.1), from the Gram matrix alone. With kept inputs S and removed inputs R, the outputs are
`X_S W_S + X_R W_R`, so the best change of `W_S` explains the removed part by the kept inputs:
`W' = W_S + (G_SS + ridge I)^-1 G_SR W_R`. The ridge pulls towards the sliced weights, not towards zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from amc.calibrate import Moments

RIDGE = 1e-3
"""Relative to the mean diagonal of the kept inputs' Gram matrix: dead channels make it singular."""


def solve(weight: Tensor, moments: Moments, kept: Tensor, with_bias: bool) -> tuple[Tensor, Tensor]:
    """Weights for the inputs `kept`, and what is to be added to the bias.

    Args:
        weight: `(out, inputs, *kernel)`; `inputs` per group where the layer is a grouped convolution.
        moments: Of the layer's inputs, see `amc.calibrate.collect`.
        kept: Positions along `inputs` that stay, int64 ascending.
        with_bias: Whether a constant can be added to the outputs (by a bias, or by a norm that follows).

    Returns:
        `(out, len(kept), *kernel)` and `(out,)`, both of the type of `weight`.
    """
    source = moments.gram if moments.gram is not None else moments.rows
    assert source is not None
    groups, taps = source.shape[0], weight[0, 0].numel()
    alive = torch.zeros(weight.shape[1], dtype=torch.bool)
    alive[kept] = True
    of_input = alive.repeat_interleave(taps)
    inside = torch.cat([of_input, torch.tensor([with_bias])])
    removed = torch.cat([~of_input, torch.tensor([False])])
    matrices = weight.detach().double().reshape(groups, -1, of_input.numel()).transpose(1, 2)  # (groups, d, out)
    change = torch.stack(
        [
            _change(each, moments.gram is not None, inside, removed, matrix[~of_input])
            for each, matrix in zip(source, matrices, strict=True)
        ]
    )
    count = int(of_input.sum())
    sliced = matrices[:, of_input] + change[:, :count]
    shift = change[:, count] if with_bias else change.new_zeros(groups, change.shape[2])
    shape = (weight.shape[0], len(kept), *weight.shape[2:])
    return sliced.transpose(1, 2).reshape(shape).to(weight.dtype), shift.reshape(-1).to(weight.dtype)


def relative_error(weight: Tensor, moments: Moments, kept: Tensor, solved: Tensor, shift: Tensor) -> float:
    """Energy of the outputs that reconstruction could not restore, as a share of their variance, in [0, 1].

    Arguments as those of `solve` and what it returned.
    """
    source = moments.gram if moments.gram is not None else moments.rows
    assert source is not None
    groups, taps = source.shape[0], weight[0, 0].numel()
    lost = weight.detach().double().clone()
    lost[:, kept] -= solved.double()
    whole = weight.detach().double()

    def columns(matrix: Tensor, last: Tensor) -> Tensor:  # (groups, d + 1, out per group)
        flat = matrix.reshape(groups, -1, weight.shape[1] * taps).transpose(1, 2)
        return torch.cat([flat, last.double().reshape(groups, 1, -1)], dim=1)

    zero = torch.zeros(weight.shape[0])
    residual = columns(lost, -shift)
    output = columns(whole, zero)
    if moments.gram is not None:
        ones = source[:, -1:, :] / source[:, -1:, -1:]
        output[:, -1:] -= ones @ output  # centred
        energy = [float((each * (source @ each)).sum()) for each in (residual, output)]
    else:
        lacking, wanted = source.double() @ residual, source.double() @ output
        energy = [float(lacking.square().sum()), float((wanted - wanted.mean(1, keepdim=True)).square().sum())]
    return min(energy[0] / max(energy[1], torch.finfo(torch.float64).tiny), 1.0)


def _change(source: Tensor, is_gram: bool, inside: Tensor, removed: Tensor, lost: Tensor) -> Tensor:
    """`(G_SS + ridge I)^-1 G_SR W_R` for one group: `(kept inputs, out)`, from the Gram matrix or from rows."""
    if is_gram:
        gram = source[inside][:, inside]
        gram.diagonal().add_(_ridge(gram.diagonal().mean()))
        return torch.linalg.solve(gram, source[inside][:, removed] @ lost)
    rows = source.double()
    left, gone = rows[:, inside], rows[:, removed] @ lost
    dual = left @ left.T
    dual.diagonal().add_(_ridge(left.square().sum() / left.shape[1]))
    return left.T @ torch.linalg.solve(dual, gone)


def _ridge(mean_diagonal: Tensor) -> float:
    return RIDGE * float(mean_diagonal) + torch.finfo(torch.float64).tiny
