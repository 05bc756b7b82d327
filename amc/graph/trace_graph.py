"""The pruning graph of a network, before its self-check."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from amc.graph.grouping import build_graph
from amc.graph.input_spec import describe_inputs
from amc.graph.inputs import Example
from amc.graph.raw_heads import find_heads
from amc.graph.structure import PruningGraph
from amc.graph.trace_forward import trace_forward


def trace_graph(
    model: nn.Module, example: Example, round_to: int | None = None, max_sparsity: float = 0.8
) -> PruningGraph:
    """Return the pruning graph of `model` without its self-check: enough to count costs, not to prune.

    Args:
        model: Any network; it is not changed.
        example: An input `(batch, ...)`, or all arguments of the network.
        round_to: Multiple of channels that may stay; None chooses one for each group (`amc.graph.rounding`).
        max_sparsity: Largest share of a group's units that may be cut, in [0, 1].

    Raises:
        Exception: Whatever `model(example)` raises.
    """
    trace = trace_forward(model, example)
    graph = build_graph(trace, model, describe_inputs(example), round_to, max_sparsity)
    return replace(graph, heads=find_heads(model, example)) if trace.selects else graph
