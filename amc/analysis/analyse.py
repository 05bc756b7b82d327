"""The analysis that everything else builds on, checked."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from amc.analysis.self_check import failed_groups
from amc.graph import Example, PruningGraph, trace_graph
from amc.graph.freeze import freeze as freeze_groups
from amc.graph.group_patterns import choose_groups


def analyse(
    model: nn.Module,
    example: Example,
    round_to: int | None = None,
    max_sparsity: float = 0.8,
    freeze: Sequence[str] = (),
    only: Sequence[str] = (),
) -> PruningGraph:
    """Watch one run of the model on an example, find its layers and channel groups, and check them.

    Args:
        model: Any network; it is not changed.
        example: An input `(batch, ...)`, or a tuple of all that the network is given.
        round_to: Channels left in a group are a multiple of it; None: the largest of 8, 4, 2, 1 that leaves a group
            at least 16 choices.
        max_sparsity: At most this share of a group's channels is cut (0.8 in AMC's code).
        freeze: Patterns of groups that stay whole (`amc.graph.group_patterns`).
        only: Patterns of the groups that may be cut; none for all.

    Groups that do not pass the self-check are frozen, with the reason in `graph.frozen`.

    Raises:
        UserError: a pattern that matches nothing.
    """

    def analysed(model: nn.Module, example: Example) -> PruningGraph:
        return choose_groups(trace_graph(model, example, round_to, max_sparsity), freeze, only)

    graph = analysed(model, example)
    return freeze_groups(graph, failed_groups(model, graph, example, analysed))
