"""The tables that tell the result of a search."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agents.final_result import FinalResult, OnTest
from agents.report.verdict import against_uniform
from amc.artifacts.policy import CostReached, GroupPolicy, LatencyReached
from amc.cost.costs import format_cost
from amc.scoring.number_format import is_share, percent, score
from amc.utils.column_widths import Column
from amc.utils.text_table import print_table, wrapped_text


def print_final(final_result: FinalResult, test: OnTest, metric: str) -> None:
    """Print widths and costs before and after, the scores of the networks, and how found compares with uniform.

    Args:
        final_result: What the search came to.
        test: The scores on the test images.
        metric: The name of the metric of all scores.
    """
    _print_widths(final_result.groups)
    _print_costs(final_result.costs)
    if final_result.latency is not None:
        _print_latency(final_result.latency)
    scores: list[tuple[str, float, float | None]] = [
        ("original", final_result.original_accuracy, test.original),
        ("uniform", final_result.uniform.reward_accuracy, test.uniform),
        ("found", final_result.policy.reward_accuracy, test.policy),
    ]
    if final_result.zero_shot is not None:
        scores.insert(2, ("agent before learning", final_result.zero_shot.reward_accuracy, test.zero_shot))
    print_table(
        [Column("network"), Column("reward images"), Column("test images")],
        [(name, *("" if value is None else score(metric, value) for value in values)) for name, *values in scores],
        f"{'accuracy' if is_share(metric) else f'metric {metric}'}; reward images are the validation images",
    )
    is_uniform = np.array_equal(final_result.policy.kept_counts, final_result.uniform.kept_counts)
    gain = test.policy - test.uniform
    print(wrapped_text(against_uniform(metric, gain, test.difference_to_uniform, is_uniform=is_uniform)))


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
            (kind, format_cost(kind, cost.before), format_cost(kind, cost.after), percent(cost.ratio))
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
