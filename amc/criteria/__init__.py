"""How much each unit of a group matters: the criteria by which channels are chosen.

A criterion looks at what a channel is to the layers that read it (its consumers) and gives every unit a number of 0 or
more, `(graph.unit_count,)`, comparable within a group. All consumers of a group count alike
(`Evidence.unit_importance`).
"""

from __future__ import annotations

from collections.abc import Callable

from amc.criteria.activations import apoz, lda
from amc.criteria.evidence import Evidence, Importance
from amc.criteria.gradients import taylor
from amc.criteria.propagation import nisp
from amc.criteria.subsets import lasso, thinet
from amc.criteria.weight_norms import bn_scale, l1, l2, random_importance

CRITERIA: dict[str, Callable[[Evidence], Importance]] = {
    "l1": l1,
    "l2": l2,
    "bn_scale": bn_scale,
    "apoz": apoz,
    "taylor": taylor,
    "thinet": thinet,
    "lasso": lasso,
    "nisp": nisp,
    "lda": lda,
    "random": random_importance,
}
"""Criteria by name; docs/recovery.md has what each is worth, and which were never the best."""

__all__ = ["CRITERIA", "Evidence", "Importance"]
