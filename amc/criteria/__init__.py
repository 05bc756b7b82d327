"""The criteria by which channels are chosen: how much each unit of a group matters.

A criterion looks at what a channel is to the layers that read it (its consumers) and gives every unit a number of 0 or
more, `(graph.unit_count,)`, comparable within a group. All consumers of a group count alike
(`Evidence.unit_importance`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from amc.criteria.activations import apoz, lda
from amc.criteria.brain_surgeon import obs
from amc.criteria.evidence import Evidence, Importance
from amc.criteria.gradients import taylor
from amc.criteria.propagation import nisp
from amc.criteria.subsets import lasso, thinet
from amc.criteria.suited import suited
from amc.criteria.weight_norms import bn_scale, l1, l2, random_importance
from amc.utils.defaults import AUTO
from amc.utils.errors import UserError
from amc.utils.registry import UserFunction, resolve

Criterion = Callable[[Evidence], Importance]
"""A function from a network and what is known of it to the importance of each unit; the most important units stay."""
CRITERIA: dict[str, Criterion] = {
    AUTO: suited,
    "obs": obs,
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


def find_criterion(given: str | Criterion) -> Criterion:
    """The criterion of that name, or the user's own: `path/to/file.py:function`, or from Python a `Criterion`.

    Raises:
        UserError: There is no criterion of that name, or no such function. What the function returns is checked when it
            is called.
    """
    found = resolve("criterion", given, CRITERIA)
    return partial(_checked, found) if isinstance(found, UserFunction) else found


def _checked(criterion: UserFunction, evidence: Evidence) -> Importance:
    """The importance that a user's criterion gives each unit, as float64."""
    with torch.no_grad(), criterion.errors_named():
        importance = np.asarray(criterion(evidence), dtype=np.float64)
    expected = (evidence.graph.unit_count,)
    if importance.shape != expected or not np.isfinite(importance).all():
        raise UserError(
            f"criterion {criterion.name} returned numbers of shape {importance.shape};"
            f" a finite one for each unit is needed, {expected}"
        )
    return importance


__all__ = ["CRITERIA", "Criterion", "Evidence", "Importance", "find_criterion"]
