"""Ridge regression as reconstruction needs it: the best change of weights, from second moments or from rows.

A change `D` of a layer's weights shall explain what its outputs lack, `R`, by its inputs `X`: it minimises
`|R - X D|^2 + ridge |D|^2`. Both forms give the same change; rows are cheaper where they are fewer than the unknowns.
All is in float64, batched over the groups of a grouped convolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

RIDGE = 1e-3
"""The ridge, relative to the mean diagonal of `X'X`; dead channels would make the problem singular without it."""
RIDGES = (RIDGE, 1e-4, 1e-2, 1e-1, 1.0, 10.0)
"""The ridges that are tried on rows held out; the first of equally good ones is taken."""
HELD_OUT = 0.2
"""The share of the rows that are held out where there are few."""
LEAST_BLOCK = 128
"""The number of columns from which on it pays to compute products with other columns apart."""
A_BLOCK = 64
"""Columns are parted at multiples of this, where a product of all of them would part them, too."""

Solve = Callable[[Tensor, Tensor], Tensor]
"""Solves a system of linear equations from its matrix `(groups, n, n)` and its right-hand sides `(groups, n, m)`."""


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """A least-squares problem by its second moments.

    Attributes:
        gram: `X'X`, `(groups, unknowns, unknowns)`.
        cross: `X'R`, `(groups, unknowns, outputs)`.
    """

    gram: Tensor
    cross: Tensor

    def change(self, ridge: float, solve: Solve = torch.linalg.solve) -> Tensor:
        """The best change under a relative ridge, `(groups, unknowns, outputs)`."""
        gram = self.gram.clone()
        diagonal = gram.diagonal(dim1=1, dim2=2)
        diagonal += _absolute(ridge, diagonal.mean(dim=1, keepdim=True))
        return solve(gram, self.cross)

    def energy(self, change: Tensor) -> float:
        """The squared error `|R - X D|^2` of a change less that of no change, `|R|^2`."""
        return float((change * (self.gram @ change - 2 * self.cross)).sum())

    def statistics(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the outputs `X W`, `(groups, 1, outputs)` each, where the last column of `X` is ones."""
        count = self.gram[:, -1:, -1:]
        mean, square = (
            self.gram[:, -1:] @ weights / count,
            (weights * (self.gram @ weights)).sum(1, keepdim=True) / count,
        )
        return mean, (square - mean.square()).clamp(min=0)


@dataclass(frozen=True, eq=False)
class SampleRows:
    """A least-squares problem by its rows.

    Attributes:
        x: `X`, `(groups, rows, unknowns)`.
        lacking: `R`, `(groups, rows, outputs)`.
    """

    x: Tensor
    lacking: Tensor

    @cached_property
    def products(self) -> Tensor:
        """The products of all rows with all, `XX'`, `(groups, rows, rows)`."""
        return self.x @ self.x.transpose(1, 2)

    def change(self, ridge: float, solve: Solve = torch.linalg.solve) -> Tensor:
        """The best change under a relative ridge, `(groups, unknowns, outputs)`, found by the dual problem."""
        products = self.products.clone()
        mean = self.x.square().sum(dim=(1, 2))[:, None] / self.x.shape[2]
        products.diagonal(dim1=1, dim2=2).add_(_absolute(ridge, mean))
        return self.x.transpose(1, 2) @ solve(products, self.lacking)

    def taken(self, rows: Tensor) -> SampleRows:
        """The problem of some of the rows, int64 `(n,)`, whose products are those that are known already."""
        part = SampleRows(self.x[:, rows], self.lacking[:, rows])
        vars(part)["products"] = self.products[:, rows][:, :, rows]
        return part

    def energy(self, change: Tensor) -> float:
        """The squared error `|R - X D|^2` of a change less that of no change, `|R|^2`."""
        explained = self.x @ change
        return float((explained * (explained - 2 * self.lacking)).sum())

    def statistics(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the outputs `X W`, `(groups, 1, outputs)` each."""
        outputs = self.x @ weights
        return outputs.mean(1, keepdim=True), outputs.var(1, keepdim=True, correction=0)


Problem = NormalEquations | SampleRows


def gram_matrix(rows: Tensor) -> Tensor:
    """The products of all columns of `rows` `(groups, n, d)` with all, `(groups, d, d)`, equal ones computed once."""
    size = rows.shape[2]
    half = size // 2 // A_BLOCK * A_BLOCK
    if half < LEAST_BLOCK:
        return rows.transpose(1, 2) @ rows
    left, right = rows[:, :, :half], rows[:, :, half:]
    gram = rows.new_empty(len(rows), size, size)
    gram[:, :half, :half], gram[:, half:, half:] = gram_matrix(left), gram_matrix(right)
    torch.matmul(left.transpose(1, 2), right, out=gram[:, :half, half:])
    gram[:, half:, :half] = gram[:, :half, half:].transpose(1, 2)
    return gram


def held_out_count(rows: int) -> int:
    """The number of rows, or images, that are held out of `rows`."""
    return int(HELD_OUT * rows)


def best_ridge(seen: Problem, held: Problem) -> float:
    """The ridge in `RIDGES` with which the change that solves `seen` has the least error on `held`."""
    return min(RIDGES, key=lambda ridge: held.energy(seen.change(ridge, solve_positive)))


def best_change(seen: Problem, held: Problem) -> Tensor | None:
    """The change that solves `seen` with the ridge that is best on `held`; None where none helps there."""
    change = seen.change(best_ridge(seen, held))
    return change if held.energy(change) < 0 else None


def solve_positive(matrix: Tensor, right: Tensor) -> Tensor:
    """The solution of equations whose matrix is positive definite, in half the time of any others.

    Where rounding has left a matrix that is not, they are solved like any others.
    """
    factor, failed = torch.linalg.cholesky_ex(matrix)
    return torch.linalg.solve(matrix, right) if bool(failed.any()) else torch.cholesky_solve(right, factor)


def _absolute(ridge: float, mean_diagonal: Tensor) -> Tensor:
    return ridge * mean_diagonal + torch.finfo(torch.float64).tiny
