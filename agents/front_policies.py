"""The policies of a front at a budget between its points, by which an agent applies what was found at others."""

from __future__ import annotations

import numpy as np

from amc.artifacts.front_file import Front
from amc.graph import KeptCounts
from envs import PruningProblem

NEAREST = 4
"""How many policies of a front are scaled to a budget."""


def nearest_policies(front: Front, problem: PruningProblem) -> list[KeptCounts]:
    """The policies `(groups,)` of a front that are nearest to a problem's budget, scaled to it, each once.

    There are none where the problem has no budget or other groups than the front.
    """
    names, budgets = [group.name for group in problem.graph.groups], problem.budgets
    points = [*front.points, *front.searched]
    if not points or not budgets.limits or any(point.kept.keys() != set(names) for point in points):
        return []
    kept_counts = np.array([[point.kept[name] for name in names] for point in points], dtype=np.int64)
    limit = budgets.limits[0]
    order = sorted(range(len(points)), key=lambda place: abs(limit.cost(kept_counts[place]) - limit.most))
    scaled = budgets.scale(kept_counts[order] / problem.graph.full)
    return [*{each.tobytes(): each for each in scaled}.values()][:NEAREST]
