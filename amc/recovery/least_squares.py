"""Ridge regression as reconstruction needs it: the best change of weights, from second moments or from rows.

A change `D` of a layer's weights shall explain what its outputs lack, `R`, by its inputs `X`: it minimises
`|R - X D|^2 + ridge |D|^2`. Both forms give the same change; rows are cheaper where they are fewer than the unknowns.
All is in float64, batched over the groups of a grouped convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RIDGE = 1e-3
"""The ridge, relative to the mean diagonal of `X'X`; dead channels would make the problem singular without it."""
RIDGES = (RIDGE, 1e-4, 1e-2, 1e-1, 1.0, 10.0)
"""The ridges that are tried on rows held out; the first of equally good ones is taken."""
HELD_OUT = 0.2
"""The share of the rows that are held out where there are few."""


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """A least-squares problem by its second moments.

    Attributes:
        gram: `X'X`, `(groups, unknowns, unknowns)`.
        cross: `X'R`, `(groups, unknowns, outputs)`.
    """

    gram: Tensor
    cross: Tensor

    def change(self, ridge: float) -> Tensor:
        """The best change under a relative ridge, `(groups, unknowns, outputs)`."""
        gram = self.gram.clone()
        diagonal = gram.diagonal(dim1=1, dim2=2)
        diagonal += _absolute(ridge, diagonal.mean(dim=1, keepdim=True))
        return torch.linalg.solve(gram, self.cross)

    def energy(self, change: Tensor) -> float:
        """The squared error `|R - X D|^2` of a change less that of no change, `|R|^2`."""
        return float((change * (self.gram @ change - 2 * self.cross)).sum())


@dataclass(frozen=True, eq=False)
class SampleRows:
    """A least-squares problem by its rows.

    Attributes:
        x: `X`, `(groups, rows, unknowns)`.
        lacking: `R`, `(groups, rows, outputs)`.
    """

    x: Tensor
    lacking: Tensor

    def change(self, ridge: float) -> Tensor:
        """The best change under a relative ridge, `(groups, unknowns, outputs)`, found by the dual problem."""
        products = self.x @ self.x.transpose(1, 2)
        mean = self.x.square().sum(dim=(1, 2))[:, None] / self.x.shape[2]
        products.diagonal(dim1=1, dim2=2).add_(_absolute(ridge, mean))
        return self.x.transpose(1, 2) @ torch.linalg.solve(products, self.lacking)

    def energy(self, change: Tensor) -> float:
        """The squared error `|R - X D|^2` of a change less that of no change, `|R|^2`."""
        explained = self.x @ change
        return float((explained * (explained - 2 * self.lacking)).sum())


Problem = NormalEquations | SampleRows


def held_out_count(rows: int) -> int:
    """The number of rows that are held out of `rows`."""
    return int(HELD_OUT * rows)


def best_ridge(seen: Problem, held: Problem) -> float:
    """The ridge in `RIDGES` with which the change that solves `seen` has the least error on `held`."""
    return min(RIDGES, key=lambda ridge: held.energy(seen.change(ridge)))


def _absolute(ridge: float, mean_diagonal: Tensor) -> Tensor:
    return ridge * mean_diagonal + torch.finfo(torch.float64).tiny
