"""Analysis of a network: which channels must be cut together, and what that costs."""

from amc.graph.inputs import Example
from amc.graph.structure import Activation, Axis, Frozen, Group, Keeps, Layer, PruningGraph, Size, Statistic
from amc.graph.trace_graph import unchecked

__all__ = [
    "Activation",
    "Axis",
    "Example",
    "Frozen",
    "Group",
    "Keeps",
    "Layer",
    "PruningGraph",
    "Size",
    "Statistic",
    "unchecked",
]
