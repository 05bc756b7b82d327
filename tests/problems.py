"""Random problems for the budget: small networks (chains of convolutions) and limits that they can meet."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch import Tensor, nn

from amc.cost.costs import COSTS
from amc.graph import KeptCounts, PruningGraph, trace_graph

Problem = tuple[PruningGraph, tuple[str, ...]]
"""A network and its budgets."""


class Chain(nn.Module):
    """Convolutions one after the other; where two widths are equal, the input is added to the output."""

    def __init__(self, widths: tuple[int, ...], residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3 if i % 2 else 1, padding=i % 2) for i, (a, b) in enumerate(itertools.pairwise(widths))
        )

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            out = conv(x).relu()
            x = out + x if self.residual and out.shape == x.shape else out
        return x


@functools.cache
def chain(widths: tuple[int, ...], residual: bool, round_to: int | None, max_sparsity: float) -> PruningGraph:
    """The graph of a chain with these hidden widths, 3 colours in and 2 channels out, on images of 4 x 4."""
    torch.manual_seed(0)
    return trace_graph(Chain((3, *widths, 2), residual), torch.zeros(1, 3, 4, 4), round_to, max_sparsity)


class Accuracy:
    """Notes what it is asked for; the more stays, the better."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, kept_counts: KeptCounts) -> float:
        self.asked.append(kept_counts.tolist())
        return float(kept_counts.sum() / (kept_counts.sum() + 10))


@st.composite
def graphs(draw: st.DrawFn, groups: int = 4, width: int = 40) -> PruningGraph:
    """A graph of at most `groups` groups of at most `width` channels."""
    widths = draw(st.lists(st.integers(2, width), min_size=1, max_size=groups))
    round_to = draw(st.sampled_from([None, 1, 3, 8]) if max(widths) > 8 else st.none())
    return chain(tuple(widths), draw(st.booleans()), round_to, draw(st.sampled_from([0.5, 0.8, 0.95])))


@st.composite
def limits(draw: st.DrawFn, graph: PruningGraph) -> tuple[str, ...]:
    """Budgets that can be reached: shares and absolute amounts, one or two kinds of cost."""
    found = []
    for kind in draw(st.lists(st.sampled_from(sorted(COSTS)), min_size=1, unique=True)):
        cost = COSTS[kind](graph)
        least, full = cost(graph.least), cost(graph.full)
        amount = draw(st.integers(least, full))
        share = np.nextafter(amount / full, 1.0)
        found.append(f"{kind}={share:.9f}" if draw(st.booleans()) and share * full >= least + 1 else f"{kind}={amount}")
    return tuple(found)


@st.composite
def problems(draw: st.DrawFn, groups: int = 4, width: int = 40) -> Problem:
    """A network with at least one group, and budgets for it."""
    graph = draw(graphs(groups, width))
    assume(len(graph.groups))
    return graph, draw(limits(graph))


def fits(graph: PruningGraph, texts: tuple[str, ...], kept_counts: KeptCounts) -> bool:
    """Whether all budgets are met, read without the code under test."""
    for text in texts:
        kind, _, value = text.partition("=")
        cost = COSTS[kind](graph)
        amount = float(value) * (cost(graph.full) if "." in value else 1)
        if cost(kept_counts) > amount:
            return False
    return True


def larger(graph: PruningGraph, kept_counts: KeptCounts, index: int) -> KeptCounts | None:
    """One step more for a group; None where it is whole."""
    above = [choice for choice in graph.groups[index].choices if choice > kept_counts[index]]
    if not above:
        return None
    changed = kept_counts.copy()
    changed[index] = above[0]
    return changed
