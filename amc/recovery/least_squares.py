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
"""Relative to the mean diagonal of `X'X`: dead channels make it singular."""
RIDGES = (RIDGE, 1e-4, 1e-2, 1e-1, 1.0, 10.0)
"""Those that are tried on rows that were held out; of equals the first."""
HELD_OUT = 0.2
"""Share of the images whose rows are held out where there are few."""


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """`gram = X'X` `(groups, unknowns, unknowns)` and `cross = X'R` `(groups, unknowns, outputs)`."""

    gram: Tensor
    cross: Tensor

    def change(self, ridge: float) -> Tensor:
        """`(groups, unknowns, outputs)`."""
        gram = self.gram.clone()
        diagonal = gram.diagonal(dim1=1, dim2=2)
        diagonal += _absolute(ridge, diagonal.mean(dim=1, keepdim=True))
        return torch.linalg.solve(gram, self.cross)

    def energy(self, change: Tensor) -> float:
        """What `|R - X D|^2` is above `|R|^2`."""
        return float((change * (self.gram @ change - 2 * self.cross)).sum())


@dataclass(frozen=True, eq=False)
class SampleRows:
    """`x` `(groups, rows, unknowns)` and `lacking = R` `(groups, rows, outputs)`."""

    x: Tensor
    lacking: Tensor

    def change(self, ridge: float) -> Tensor:
        """As `NormalEquations.change`, by the dual problem."""
        products = self.x @ self.x.transpose(1, 2)
        mean = self.x.square().sum(dim=(1, 2))[:, None] / self.x.shape[2]
        products.diagonal(dim1=1, dim2=2).add_(_absolute(ridge, mean))
        return self.x.transpose(1, 2) @ torch.linalg.solve(products, self.lacking)

    def energy(self, change: Tensor) -> float:
        """As `NormalEquations.energy`."""
        explained = self.x @ change
        return float((explained * (explained - 2 * self.lacking)).sum())


Problem = NormalEquations | SampleRows


def held_out_count(images: int) -> int:
    """How many of so many images are held out."""
    return int(HELD_OUT * images)


def best_ridge(seen: Problem, held: Problem) -> float:
    """The ridge with which the change that `seen` gives explains most of `held`."""
    return min(RIDGES, key=lambda ridge: held.energy(seen.change(ridge)))


def _absolute(ridge: float, mean_diagonal: Tensor) -> Tensor:
    return ridge * mean_diagonal + torch.finfo(torch.float64).tiny
