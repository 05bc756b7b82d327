"""Criteria that ask which channels a consumer can do without, from the Gram matrix of what it reads.

With `X_c` what a consumer reads of channel c and `W_c` its weights for it, its output is the sum of the terms
`Z_c = X_c W_c`. All that both criteria need is how the terms go together: `M[c, d] = <Z_c, Z_d>`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from amc.criteria.evidence import Evidence, Importance
from amc.criteria.weight_norms import l1

Matrix = NDArray[np.float64]
"""Scalar products of the terms of a consumer's output, `(channels, channels)`."""


def thinet(evidence: Evidence) -> Importance:
    """The place of a channel in a greedy order of removal, from 1 to the number of channels (ThiNet, Luo et al. 2017).

    Of the channels that are left, the one whose loss changes the output least goes first.
    """
    return _by_group(evidence, _removal_order)


def lasso(evidence: Evidence) -> Importance:
    """The strongest penalty under which LASSO over channels does not drop a channel (He, Zhang, Sun 2017, eq. 2)."""
    return _by_group(evidence, _strongest_penalty)


def _by_group(evidence: Evidence, judge: Callable[[Matrix], NDArray[np.float64]]) -> Importance:
    """The importance that `judge` gives each group by the terms of all its consumers; `l1` where there are no terms."""
    total = l1(evidence)
    layers = {layer.weight: layer for layer in evidence.consumers()}
    for group in evidence.graph.groups:
        terms = np.zeros((group.units, group.units))
        for name in {evidence.graph.layers[index].weight for index in group.consumers}:
            if name is None or name not in evidence.moments:
                continue
            add = np.zeros_like(terms)
            for units in (each - group.first_unit for each in layers[name].weight_in.memberships):
                inside = (units >= 0) & (units < group.units)
                matrix = _terms(evidence, name)[np.ix_(inside, inside)]
                np.add.at(add, np.ix_(units[inside], units[inside]), matrix)
            terms += add / max(add.sum(), np.trace(add), np.finfo(np.float64).tiny)  # all consumers count alike
        if terms.any():
            total[group.slice] = judge(terms)
    return total


def _terms(evidence: Evidence, name: str) -> Matrix:
    """The matrix `M` of one consumer, summed over the groups of a grouped convolution."""
    moments = evidence.moments[name]
    layer = next(layer for layer in evidence.consumers() if layer.weight == name)
    weight = evidence.parameters[name].double().cpu().transpose(0, layer.in_dimension).transpose(0, 1)
    source = moments.gram if moments.gram is not None else moments.rows
    assert source is not None
    groups, channels, taps = source.shape[0], weight.shape[1], weight[0, 0].numel()
    matrix = np.zeros((channels, channels))
    for part, rows in zip(source, weight.reshape(groups, -1, channels * taps), strict=True):
        gram = part[:-1, :-1] if moments.gram is not None else part[:, :-1].double().T @ part[:, :-1].double()
        products = gram * (rows.T @ rows)
        matrix += products.reshape(channels, taps, channels, taps).sum(dim=(1, 3)).numpy()
    return matrix


def _removal_order(terms: Matrix) -> NDArray[np.float64]:
    """The place of each channel in the order of removal: 1 for the first that goes."""
    count = len(terms)
    place = np.zeros(count)
    lost = np.diag(terms).copy()  # what the output loses, beyond what is lost already, if a channel goes next
    left = np.ones(count, dtype=np.bool_)
    for turn in range(1, count + 1):
        candidate = int(np.flatnonzero(left)[np.argmin(lost[left])])
        place[candidate] = turn
        left[candidate] = False
        lost = lost + 2 * terms[candidate]
    return place


def _strongest_penalty(terms: Matrix) -> NDArray[np.float64]:
    """The largest penalty at which each channel's factor is not zero; 0 for a channel that never enters."""
    scale = np.sqrt(np.maximum(np.diag(terms), np.finfo(np.float64).tiny))
    gram = terms / np.outer(scale, scale)
    from sklearn.linear_model import lars_path_gram  # takes a second, for this criterion alone

    penalties, _, factors = lars_path_gram(
        Xy=(terms.sum(axis=1) / scale), Gram=gram, n_samples=1, method="lasso", max_iter=8 * len(terms)
    )
    active = factors != 0  # (channels, steps)
    first = np.where(active.any(axis=1), active.argmax(axis=1), -1)
    strongest = np.where(first > 0, penalties[np.maximum(first - 1, 0)], 0.0)
    return np.where(first >= 0, strongest, 0.0) + 1e-9 * np.diag(terms) / max(np.trace(terms), 1e-300)
