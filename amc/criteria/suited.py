"""The criterion that is taken where none is given."""

from __future__ import annotations

import numpy as np

from amc.criteria.brain_surgeon import obs
from amc.criteria.evidence import Evidence, Importance


def suited(evidence: Evidence) -> Importance:
    """The importance by `obs`, but by `l1` of channels that a depthwise convolution passes on.

    In inverted bottlenecks whose layers are solved one after the other from few images, the channels that `obs` keeps
    were worse (docs/recovery.md has the numbers).
    """
    graph = evidence.graph
    passed = np.zeros(graph.unit_count + 1, dtype=np.bool_)  # the last is of channels that can't be cut
    for layer in graph.layers:
        if layer.is_depthwise:
            passed[layer.out.units] = True
    return obs(evidence, [group for group in graph.groups if not passed[group.slice].any()])
