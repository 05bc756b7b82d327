"""The tables that describe what of a network can be pruned."""

from __future__ import annotations

from collections.abc import Mapping

from amc.cost.costs import format_cost
from amc.graph import Group, PruningGraph
from amc.scoring.number_format import percent
from amc.utils.column_widths import Column
from amc.utils.text_table import print_table


def print_graph(graph: PruningGraph, costs: Mapping[str, tuple[int, int]]) -> None:
    """Print the channel groups, the layers that are frozen with their reasons, and the costs.

    Args:
        graph: The network.
        costs: The cost of the whole network and the least that can be reached, by kind.
    """
    print_table(
        [
            Column("group", is_text=True),
            Column("channels"),
            Column("may keep", gives_way=1),
            Column("produced by", is_text=True, gives_way=2),
            Column("read by", is_text=True, gives_way=3),
        ],
        [
            (
                group.name,
                str(group.width),
                _choices(group),
                ", ".join(graph.layers[i].name for i in group.producers),
                ", ".join(graph.layers[i].name for i in group.consumers),
            )
            for group in graph.groups
        ],
        "channel groups",
    )
    if graph.frozen:
        print_table(
            [Column("layer", is_text=True), Column("channels", gives_way=1), Column("why", is_text=True)],
            [(frozen.name, str(frozen.width), frozen.reason) for frozen in graph.frozen],
            "frozen",
        )
    print_table(
        [Column("cost"), Column("whole network"), Column("least"), Column("least share", gives_way=1)],
        [
            (kind, format_cost(kind, whole), format_cost(kind, least), percent(least / whole))
            for kind, (whole, least) in costs.items()
        ],
        "costs of one image",
    )


def _choices(group: Group) -> str:
    """The widths that may stay: multiples of a step, and all of them."""
    least, *others = (units * group.channels_per_unit for units in group.choices)
    if len(others) < 2:
        return f"{least} or {group.width}"
    return f"{least} to {group.width} by {others[0] - least}"
