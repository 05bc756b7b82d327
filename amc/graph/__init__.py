"""Which channels of a network must be cut together, found by running it once and following its operators.

Read `structure` (the result: layers and channel groups), `trace_graph` (the way there), `trace_forward`, `trace` (one
run, operator by operator), `channels` and `operators/` (what each operator does to channels), `channel_classes` and
`grouping` (ties become groups), then `rounding`, `freeze`, `group_patterns` and `transform` (graphs from graphs).
`inputs` and `input_spec` are what a network is given; `raw_heads` are what a network is compared by that selects what
it returns; `layer_calls` and `batch_memory` serve passes over layers.
"""

from amc.graph.inputs import Example
from amc.graph.structure import (
    Activation,
    Axis,
    Frozen,
    Group,
    KeptCounts,
    Layer,
    PruningGraph,
    Scale,
    SizeAttribute,
    Statistic,
)
from amc.graph.trace_graph import trace_graph

__all__ = [
    "Activation",
    "Axis",
    "Example",
    "Frozen",
    "Group",
    "KeptCounts",
    "Layer",
    "PruningGraph",
    "Scale",
    "SizeAttribute",
    "Statistic",
    "trace_graph",
]
