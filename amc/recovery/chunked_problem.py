"""A least-squares problem whose rows come in chunks."""

from __future__ import annotations

import torch
from torch import Tensor

from amc.recovery.least_squares import NormalEquations, Problem, SampleRows, gram_matrix


class ChunkedProblem:
    """Takes the rows of a least-squares problem in chunks, and holds no more of them than there are unknowns."""

    def __init__(self) -> None:
        self._rows: list[tuple[Tensor, Tensor]] = []
        self._count = 0
        self._sums: NormalEquations | None = None

    def add(self, x: Tensor, lacking: Tensor) -> None:
        """Add rows.

        Args:
            x: Inputs, `(groups, rows, unknowns)`.
            lacking: What the outputs lack there, `(groups, rows, outputs)`.
        """
        self._rows.append((x, lacking))
        self._count += x.shape[1]
        if self._count < x.shape[2]:
            return
        for rows, targets in self._rows:
            gram, cross = gram_matrix(rows).double(), (rows.transpose(1, 2) @ targets).double()
            if self._sums is None:
                self._sums = NormalEquations(gram, cross)
            else:
                self._sums.gram.add_(gram)
                self._sums.cross.add_(cross)
        self._rows.clear()

    @property
    def is_empty(self) -> bool:
        """Whether no rows were added."""
        return self._count == 0

    @property
    def problem(self) -> Problem:
        """The problem of all rows: by its second moments, or by its rows where these are fewer than the unknowns."""
        if self._sums is not None:
            return self._sums
        return SampleRows(*(torch.cat(each, dim=1).double() for each in zip(*self._rows, strict=True)))
