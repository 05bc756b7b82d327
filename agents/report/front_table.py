"""The table of a front: its points, with the costs, the scores and the folders of their networks."""

from __future__ import annotations

from amc.artifacts.front_file import Front
from amc.scoring.number_format import COST_NAMES, percent, score
from amc.utils.column_widths import Column
from amc.utils.tabular import Table


def front_table(front: Front) -> Table:
    """The points of a range of budgets, the smallest first."""
    kind = front.kind
    rows = [
        (
            point.budget,
            percent(point.costs[kind].ratio),
            score(front.metric, point.accuracy),
            "" if point.test_accuracy is None else score(front.metric, point.test_accuracy),
            point.folder or "",
        )
        for point in front.points
    ]
    columns = [
        Column("budget", is_text=True),
        Column(f"{COST_NAMES[kind]} left"),
        Column("reward images"),
        Column("test images"),
        Column("folder", is_text=True),
    ]
    return Table(f"the points of {front.range}", columns, rows, [])
