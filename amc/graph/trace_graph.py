"""The analysis of one network."""

from __future__ import annotations

from torch import nn

from amc.graph.grouping import build_graph
from amc.graph.input_spec import describe_inputs
from amc.graph.inputs import Example
from amc.graph.structure import PruningGraph
from amc.graph.trace_forward import trace_forward


def trace_graph(
    model: nn.Module, example: Example, round_to: int | None = None, max_sparsity: float = 0.8
) -> PruningGraph:
    """The analysis without its self-check: enough to count what a network costs, not to prune it."""
    trace = trace_forward(model, example)
    return build_graph(trace, model, describe_inputs(example), round_to, max_sparsity)
