"""Analysis of a network: which channels must be cut together, and what that costs."""

from amc.graph.inputs import Example
from amc.graph.structure import Activation, Axis, Frozen, Group, KeptCounts, Layer, PruningGraph, Size, Statistic
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
    "Size",
    "Statistic",
    "trace_graph",
]
