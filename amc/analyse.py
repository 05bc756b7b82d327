"""The analysis that everything else builds on, checked."""

from __future__ import annotations

from functools import partial

from torch import nn

from amc.graph import Example, PruningGraph, unchecked
from amc.graph.freeze import freeze
from amc.selfcheck import check


def analyse(model: nn.Module, example: Example, round_to: int | None = None, max_sparsity: float = 0.8) -> PruningGraph:
    """Watch one run of `model(example)`, find its layers and channel groups, and check them.

    Args:
        model: Any network; it is not changed.
        example: An input `(batch, ...)`, or a tuple of all that the network is given.
        round_to: Channels left in a group are a multiple of it; None: the largest of 8, 4, 2, 1 that leaves a group
            at least 16 choices.
        max_sparsity: At most this share of a group's channels is cut (0.8 in AMC's code).

    Groups that do not pass the self-check are frozen, with the reason in `graph.frozen`.
    """
    analysed = partial(unchecked, round_to=round_to, max_sparsity=max_sparsity)
    graph = analysed(model, example)
    return freeze(graph, check(model, graph, example, analysed))
