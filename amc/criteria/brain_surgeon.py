"""Channels in the order in which layers miss them least, once the channels that are left make up for them.

With the rows `X` that a consumer reads and its weights `W`, channels `c` go from its outputs `X W` at the loss
`tr(W_c' ([H^-1]_cc)^-1 W_c)`, where `H = X'X`, if all other weights are then refitted by least squares. That is Optimal
Brain Surgeon (Hassibi and Stork 1993) for a layer, with all weights of a channel at once, as in OBC (Frantar and
Alistarh, NeurIPS 2022) and ZipLM (Kurtic et al., NeurIPS 2023). The channel of the least loss goes, weights and `H^-1`
are those of what is left, and so on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amc.criteria.evidence import Evidence, Importance
from amc.criteria.weight_norms import l1
from amc.graph import Group, Layer
from amc.recovery.calibration import Moments
from amc.recovery.least_squares import RIDGE, gram_matrix, solve_positive

MOST_NUMBERS = 1280
"""The numbers of a row that make up for each other, at the most; time grows with their cube."""
MOST_OUTPUTS = 512
"""Of more outputs, so many random sums are looked at."""
MOST_TURNS = 64
"""Channels of a group go one by one, or where there are more, as many at once as it takes."""


def obs(evidence: Evidence, groups: Sequence[Group] | None = None) -> Importance:
    """The share of their consumers' outputs that is lost when a unit goes, after all that are missed less (ZipLM).

    Consumers that read more than `MOST_NUMBERS` numbers are parted, and the channels of a part make up for each other
    alone. Groups that nothing is known of are judged by `l1`, and so are others than `groups` where these are given.
    """
    total = l1(evidence)
    for group in evidence.graph.groups if groups is None else groups:
        layers = {layer.weight: layer for layer in map(evidence.graph.layers.__getitem__, group.consumers)}
        parts = [part for layer in layers.values() for part in _parts(evidence, layer, group)]
        if parts:
            total[group.slice] = _losses_in_order(parts, group.units)
    return total


class _Part:
    """Channels that a consumer reads, and how well the others among them can give what it gave with all.

    Args:
        gram: The products of what it reads, `(groups, numbers, numbers)`, in float64.
        weights: Its weights for these numbers, `(groups, numbers, outputs)`, in float64.
        units: The unit that each number belongs to, int64 `(numbers,)`; negative for those that stay.
    """

    def __init__(self, gram: Tensor, weights: Tensor, units: Tensor) -> None:
        diagonal = gram.diagonal(dim1=1, dim2=2)
        ridge = RIDGE * diagonal.mean(dim=1, keepdim=True)  # 0 where all channels are dead
        damping = torch.diag_embed(ridge.clamp(min=torch.finfo(torch.float32).tiny).expand_as(diagonal))
        identity = torch.eye(gram.shape[1], dtype=gram.dtype).expand_as(gram)
        self._inverse = solve_positive(gram + damping, identity)
        self._weights = weights
        self._units = units

    def add_losses(self, losses: Tensor) -> None:
        """Add to `losses` `(units,)` what the outputs lose, squared, if each of the units that are left goes next."""
        _, places = torch.sort(self._units, stable=True)
        counts = self._units[self._units >= 0].bincount(minlength=len(losses))
        ends = counts.cumsum(0) + (self._units < 0).sum()
        for size in counts[counts > 0].unique().tolist():
            units = (counts == size).nonzero().flatten()
            at = places[ends[units, None] - size + torch.arange(size)]  # (units, size)
            weights = self._weights[:, at]
            blocks = self._inverse[:, at[:, :, None], at[:, None, :]]
            losses[units] += (weights * (torch.linalg.inv(blocks) @ weights)).sum(dim=(0, 2, 3))

    def remove(self, units: Tensor) -> None:
        """Take away units, int64 `(n,)`, and let the others make up for them."""
        goes = torch.isin(self._units, units)
        if not goes.any():
            return
        rows, weights = self._inverse[:, goes], self._weights[:, goes]
        makes_up = (torch.linalg.inv(rows[:, :, goes]) @ rows).transpose(1, 2)  # (groups, numbers, numbers that go)
        self._inverse.baddbmm_(makes_up, rows, alpha=-1)
        self._weights.baddbmm_(makes_up, weights, alpha=-1)
        self._units[goes] = -1


def _parts(evidence: Evidence, layer: Layer, group: Group) -> Iterator[_Part]:
    """The channels of a group that a layer reads, in as few parts as are small enough; none where nothing is known."""
    moments = evidence.moments.get(layer.weight or "")
    if moments is None:
        return
    columns = _columns(evidence, layer, moments)
    energy = _energy(moments, columns)
    if energy <= 0:
        return
    of_input = torch.from_numpy(_units_of(layer, group)).repeat_interleave(layer.kernel_size)
    has_constant = torch.tensor([layer.bias is not None or layer.norm is not None])
    count = math.ceil(int((of_input >= 0).sum()) / MOST_NUMBERS)
    for number in range(count):
        inside = torch.cat([(of_input >= 0) & (of_input % count == number), has_constant])
        units = torch.cat([of_input, torch.tensor([-1])])[inside]
        yield _Part(_gram(moments, inside), columns[:, inside] / math.sqrt(energy), units)


def _columns(evidence: Evidence, layer: Layer, moments: Moments) -> Tensor:
    """The weights for each number of a row, and 0 for the constant, float64 `(groups, numbers, outputs)`.

    Of more than `MOST_OUTPUTS` outputs these are those of random sums, which have the same energy on average.
    """
    weight = evidence.parameters[layer.weight or ""].float().cpu()
    weight = weight.transpose(0, 1) if layer.transposed_weight else weight  # (out, inputs, *kernel)
    columns = weight.reshape(moments.groups, -1, weight[0].numel()).transpose(1, 2)
    if columns.shape[2] > MOST_OUTPUTS:
        generator = torch.Generator().manual_seed(evidence.seed)
        signs = torch.randint(2, (columns.shape[2], MOST_OUTPUTS), generator=generator) * 2.0 - 1.0
        columns = columns @ (signs / math.sqrt(MOST_OUTPUTS))
    return torch.cat([columns, columns.new_zeros(moments.groups, 1, columns.shape[2])], dim=1).double()


def _units_of(layer: Layer, group: Group) -> NDArray[np.int64]:
    """The unit of the group, from 0 on, to which each input of a layer belongs, int64 `(inputs,)`; else -1."""
    found = np.full(len(layer.weight_in), -1)
    for units in layer.weight_in.memberships:
        inside = (units >= group.first_unit) & (units < group.first_unit + group.units)
        found[inside] = units[inside] - group.first_unit
    return found


def _gram(moments: Moments, inside: Tensor) -> Tensor:
    """The products of the numbers of a row that are `inside`, bool `(numbers,)`, in float64."""
    if moments.gram is not None:
        return moments.gram[:, inside][:, :, inside]
    assert moments.rows is not None
    return gram_matrix(moments.rows[:, :, inside].double())


def _energy(moments: Moments, columns: Tensor) -> float:
    """The sum of the squared outputs of a layer whose weights are `columns`, `(groups, numbers, outputs)`."""
    if moments.gram is not None:
        return float((columns * (moments.gram @ columns)).sum())
    assert moments.rows is not None
    return sum(float((part.double() @ columns).square().sum()) for part in moments.rows.split(256, dim=1))


def _losses_in_order(parts: list[_Part], units: int) -> NDArray[np.float64]:
    """The loss with which each unit goes, in the order in which they go, and more than any before it."""
    found, left, least = np.zeros(units), np.arange(units), 0.0
    while len(left):
        losses = torch.zeros(units, dtype=torch.float64)
        for part in parts:
            part.add_losses(losses)
        lost = losses.numpy()[left]
        going = np.argsort(lost, kind="stable")[: math.ceil(units / MOST_TURNS)]
        for place in going:
            least = max(float(np.nextafter(least, np.inf)), lost[place])
            found[left[place]] = least
        for part in parts:
            part.remove(torch.from_numpy(left[going]))
        left = np.delete(left, going)
    return found
