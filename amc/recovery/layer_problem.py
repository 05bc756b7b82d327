"""The change of one layer's weights, from what it reads in a pruned network to what the original gave there."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from amc.recovery.chunked_problem import ChunkedProblem
from amc.recovery.least_squares import RIDGE, best_change

NEGLIGIBLE = 1e-5
"""A layer whose outputs are off by less than this share is left as it is: nothing before it was pruned."""
MOST_GAIN = 2.0
"""The largest factor by which a solved channel is scaled up to the variance that the original has there."""


class LostShares(NamedTuple):
    """The share of the variance of outputs that is lost, on images that layers were solved on and on ones held out.

    Attributes:
        seen: The share on images that layers were solved on.
        held_out: The share on images that they were not.
        takes_more: Whether memory allows to solve on more images at once.
    """

    seen: float
    held_out: float
    takes_more: bool = True


class LayerProblem:
    """Takes what a layer reads, and what it shall give, in chunks, and solves for the change of its weights.

    Args:
        current: The weights, `(groups, unknowns, outputs)`; one unknown more than inputs where there is a constant.
    """

    def __init__(self, current: Tensor) -> None:
        self._current = current
        self._seen, self._held = ChunkedProblem(), ChunkedProblem()
        self._wanted: list[Tensor] = []
        self._lack, self._variance = [0.0, 0.0], [0.0, 0.0]  # sums of squares, of images seen and held out
        self.is_solved = False

    def add(self, rows: Tensor, wanted: Tensor, is_held: bool) -> None:
        """Add a chunk of inputs `(groups, rows, inputs)` and outputs `(groups, rows, outputs)`, held out or not."""
        unknowns = self._current.shape[1]
        x = rows if rows.shape[2] == unknowns else torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], dim=2)
        lacking = wanted - x @ self._current
        lack = float(lacking.square().sum())
        if self._seen.is_empty:
            self.is_solved = lack <= NEGLIGIBLE**2 * float(wanted.square().sum())
        self._lack[is_held] += lack
        self._variance[is_held] += float((wanted - wanted.mean(1, keepdim=True)).square().sum())
        (self._held if is_held else self._seen).add(x, lacking)
        self._wanted.append(wanted)

    def change(self) -> Tensor | None:
        """The change that lessens the error most, float64 `(groups, unknowns, outputs)`; None where none does.

        Where rows are held out, its ridge is the best on these.
        """
        if self._held.is_empty:
            return self._seen.problem.change(RIDGE)
        return best_change(self._seen.problem, self._held.problem)

    def with_variance(self, change: Tensor) -> Tensor:
        """A change after which outputs vary as much as wanted around the mean that they have after `change`.

        The last unknown has to be a constant.
        """
        current = self._current.double()
        solved = current + change
        mean, variance = self._seen.problem.statistics(solved)
        wanted = torch.cat(self._wanted, dim=1).var(1, keepdim=True)
        gain = (wanted / variance.clamp(min=torch.finfo().tiny)).sqrt().clamp(1.0, MOST_GAIN)
        solved *= gain
        solved[:, -1:] += (1 - gain) * mean
        return solved - current

    def lost(self, change: Tensor | None) -> LostShares | None:
        """What is lost after `change`; None where no rows are held out."""
        if self._held.is_empty:
            return None
        problems = self._seen.problem, self._held.problem
        gained = [0.0 if change is None else each.energy(change) for each in problems]
        seen, held_out = (
            max(0.0, lack + energy) / max(variance, torch.finfo().tiny)
            for lack, energy, variance in zip(self._lack, gained, self._variance, strict=True)
        )
        return LostShares(seen, held_out)
