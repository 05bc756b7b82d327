"""The checked pruning graph of a network, on which everything else builds."""

from __future__ import annotations

from torch import nn

from amc.analysis.self_check import failed_groups
from amc.graph import Example, PruningGraph, trace_graph
from amc.graph.freeze import freeze as freeze_groups
from amc.graph.group_patterns import Patterns, choose_groups


def analyse(
    model: nn.Module,
    example: Example,
    round_to: int | None = None,
    max_sparsity: float = 0.8,
    freeze: Patterns = (),
    only: Patterns = (),
) -> PruningGraph:
    """Trace one run of the model on an example, find its layers and channel groups, and check them by cutting each.

    Groups that do not pass the self-check are frozen, with the reason in `graph.frozen`.

    Args:
        model: Any network; it is not changed.
        example: An input `(batch, ...)`, or a tuple or dictionary of all arguments of the network.
        round_to: Channels left in a group are a multiple of it; None takes the largest of 8, 4, 2, 1 that leaves a
            group at least 16 choices.
        max_sparsity: Largest share of a group's channels that is cut, in [0, 1] (0.8 in AMC's code).
        freeze: Patterns of groups that stay whole (`amc.graph.group_patterns`).
        only: Patterns of the groups that may be cut; none for all.

    Raises:
        UserError: A pattern matches nothing.
    """

    def analysed(model: nn.Module, example: Example) -> PruningGraph:
        return choose_groups(trace_graph(model, example, round_to, max_sparsity), freeze, only)

    graph = analysed(model, example)
    return freeze_groups(graph, failed_groups(model, graph, example, analysed))
