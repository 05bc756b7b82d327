"""The tables that entry points print."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Column, Table

from amc.cost import amount
from amc.graph import Group, PruningGraph
from amc.policy import CostReached, GroupPolicy, LatencyReached
from scripts.finish import Finish, OnTest


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage."""
    return f"{100 * share:.2f} %"


def print_finish(finish: Finish, test: OnTest, *, is_accuracy: bool) -> None:
    """Widths before and after, costs, and what the original, the uniform and the found policy score.

    `is_accuracy`: scores are shares and shown in percent; else they are a metric of the user's.
    """
    console = Console()
    console.print(_widths(finish.groups))
    console.print(_costs(finish.costs))
    if finish.latency is not None:
        console.print(_latency(finish.latency))

    def shown(value: float | None) -> str:
        if value is None:
            return ""
        return percent(value) if is_accuracy else f"{value:.4f}"

    table = Table("network", "reward split", "test split", title="accuracy" if is_accuracy else "metric")
    table.add_row("original", shown(finish.original_accuracy), shown(test.original))
    table.add_row("uniform policy", shown(finish.uniform.reward_accuracy), shown(test.uniform))
    if finish.zero_shot is not None:
        table.add_row("agent before learning", shown(finish.zero_shot.reward_accuracy), shown(test.zero_shot))
    table.add_row("found policy", shown(finish.policy.reward_accuracy), shown(test.policy))
    console.print(table)


def print_graph(graph: PruningGraph, costs: Mapping[str, tuple[int, int]]) -> None:
    """Groups, costs (whole and least) and what is frozen, with the reasons."""
    console = Console()
    table = Table(
        _name("group"), "channels", "may keep", _name("produced by"), _name("read by"), title="channel groups"
    )
    for group in graph.groups:
        table.add_row(
            group.name,
            str(group.width),
            _choices(group),
            ", ".join(graph.layers[i].name for i in group.producers),
            ", ".join(graph.layers[i].name for i in group.consumers),
        )
    console.print(table)
    if graph.frozen:
        table = Table(_name("layer"), "channels", "why", title="frozen")
        for frozen in graph.frozen:
            table.add_row(frozen.name, str(frozen.width), frozen.reason)
        console.print(table)
    table = Table("cost", "whole network", "least", "least share", title="costs of one image")
    for kind, (whole, least) in costs.items():
        table.add_row(kind, amount(kind, whole), amount(kind, least), percent(least / whole))
    console.print(table)


def _name(header: str) -> Column:
    """A column of names, which go on in the next line where they are too long."""
    return Column(header, overflow="fold")


def _choices(group: Group) -> str:
    """The widths that may stay: multiples of a step, and all of them."""
    least, *others = (units * group.channels_per_unit for units in group.choices)
    if len(others) < 2:
        return f"{least} or {group.width}"
    return f"{least} to {group.width} by {others[0] - least}"


def _widths(groups: tuple[GroupPolicy, ...]) -> Table:
    table = Table(_name("group"), "channels", "left", "sparsity", title="widths")
    for group in groups:
        table.add_row(group.name, str(group.width), str(group.width_after), f"{100 * group.sparsity:.0f} %")
    return table


def _costs(costs: Mapping[str, CostReached]) -> Table:
    table = Table("cost", "before", "after", "left", title="costs of one image")
    for kind, cost in costs.items():
        table.add_row(kind, amount(kind, cost.before), amount(kind, cost.after), percent(cost.ratio))
    return table


def _latency(reached: LatencyReached) -> Table:
    before, after, predicted = reached.latency_before_ms, reached.latency_after_ms, reached.latency_predicted_ms
    table = Table("", "before", "after", "left", title=f"latency on {reached.target}, {reached.runtime}")
    table.add_row("measured", f"{before:.4g} ms", f"{after:.4g} ms", percent(after / before))
    table.add_row("predicted", "", f"{predicted:.4g} ms", percent(predicted / before))
    return table
