"""The tables that entry points print."""

from __future__ import annotations

from collections.abc import Mapping

from agents.report.number_format import is_share, percent, score
from agents.report.terminal.text_table import Column, print_table
from agents.search.final import FinalResult, OnTest
from amc.artifacts.policy import CostReached, GroupPolicy, LatencyReached
from amc.cost.costs import amount
from amc.graph import Group, PruningGraph


def print_final(final_result: FinalResult, test: OnTest, metric: str) -> None:
    """Widths before and after, costs, and what the original, the uniform and the found policy score by the metric."""
    _print_widths(final_result.groups)
    _print_costs(final_result.costs)
    if final_result.latency is not None:
        _print_latency(final_result.latency)
    scores: list[tuple[str, float, float | None]] = [
        ("original", final_result.original_accuracy, test.original),
        ("uniform policy", final_result.uniform.reward_accuracy, test.uniform),
        ("found policy", final_result.policy.reward_accuracy, test.policy),
    ]
    if final_result.zero_shot is not None:
        scores.insert(2, ("agent before learning", final_result.zero_shot.reward_accuracy, test.zero_shot))
    print_table(
        [Column("network"), Column("reward split"), Column("test split")],
        [(name, *("" if value is None else score(metric, value) for value in values)) for name, *values in scores],
        "accuracy" if is_share(metric) else f"metric {metric}",
    )


def print_graph(graph: PruningGraph, costs: Mapping[str, tuple[int, int]]) -> None:
    """Groups, costs (whole and least) and what is frozen, with the reasons."""
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
            (kind, amount(kind, whole), amount(kind, least), percent(least / whole))
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


def _print_widths(groups: tuple[GroupPolicy, ...]) -> None:
    print_table(
        [Column("group", is_text=True), Column("channels"), Column("left"), Column("sparsity", gives_way=1)],
        [(group.name, str(group.width), str(group.width_after), percent(group.sparsity, digits=0)) for group in groups],
        "widths",
    )


def _print_costs(costs: Mapping[str, CostReached]) -> None:
    print_table(
        [Column("cost"), Column("before"), Column("after"), Column("left", gives_way=1)],
        [
            (kind, amount(kind, cost.before), amount(kind, cost.after), percent(cost.ratio))
            for kind, cost in costs.items()
        ],
        "costs of one image",
    )


def _print_latency(reached: LatencyReached) -> None:
    before, after, predicted = reached.latency_before_ms, reached.latency_after_ms, reached.latency_predicted_ms
    print_table(
        [Column(""), Column("before"), Column("after"), Column("left", gives_way=1)],
        [
            ("measured", f"{before:.4g} ms", f"{after:.4g} ms", percent(after / before)),
            ("predicted", "", f"{predicted:.4g} ms", percent(predicted / before)),
        ],
        f"latency on {reached.target}, {reached.runtime}",
    )
