"""The tables that tell the result of a search."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agents.final_result import FinalResult, OnTest
from agents.report.run_result import UNTRAINED
from agents.report.verdict import against_uniform, goal_reached, more_calibration_images, recovery_chosen
from amc.artifacts.policy import CostReached, GroupPolicy, LatencyReached
from amc.cost.costs import format_cost
from amc.scoring.metrics import CLASS_METRICS
from amc.scoring.number_format import COST_NAMES, percent, score
from amc.utils.column_widths import Column
from amc.utils.tabular import Table


def result_tables(final_result: FinalResult, test: OnTest, metric: str) -> list[Table]:
    """Widths and costs before and after, the scores of the networks, and how found compares with uniform.

    Args:
        final_result: What the search came to.
        test: The scores on the test images.
        metric: The name of the metric of all scores.
    """
    latency = [] if final_result.latency is None else [_latency(final_result.latency)]
    return [
        _widths(final_result.groups),
        _costs(final_result.costs),
        *latency,
        _scores(final_result, test, metric),
    ]


def _widths(groups: tuple[GroupPolicy, ...]) -> Table:
    return Table(
        "widths",
        [Column("group", is_text=True), Column("channels"), Column("left"), Column("sparsity", gives_way=1)],
        [(group.name, str(group.width), str(group.width_after), percent(group.sparsity, digits=0)) for group in groups],
    )


def _costs(costs: Mapping[str, CostReached]) -> Table:
    return Table(
        "costs of one image",
        [Column("cost"), Column("before"), Column("after"), Column("left", gives_way=1)],
        [
            (COST_NAMES[kind], format_cost(kind, cost.before), format_cost(kind, cost.after), percent(cost.ratio))
            for kind, cost in costs.items()
        ],
    )


def _latency(reached: LatencyReached) -> Table:
    before, after, predicted = reached.latency_before_ms, reached.latency_after_ms, reached.latency_predicted_ms
    return Table(
        f"latency on {reached.target}, {reached.runtime}",
        [Column(""), Column("before"), Column("after"), Column("left", gives_way=1)],
        [
            ("measured", f"{before:.4g} ms", f"{after:.4g} ms", percent(after / before)),
            ("predicted", "", f"{predicted:.4g} ms", percent(predicted / before)),
        ],
    )


def _scores(final_result: FinalResult, test: OnTest, metric: str) -> Table:
    scores: list[tuple[str, float, float | None]] = [
        ("original", final_result.original_accuracy, test.original),
        ("uniform", final_result.uniform.reward_accuracy, test.uniform),
        ("found", final_result.policy.reward_accuracy, test.policy),
    ]
    if final_result.zero_shot is not None:
        scores.insert(2, ("agent before learning", final_result.zero_shot.reward_accuracy, test.zero_shot))
    if final_result.untrained is not None:
        scores.insert(-1, (UNTRAINED, final_result.untrained.reward_accuracy, test.untrained))
    goal = final_result.goal
    is_uniform = np.array_equal(final_result.policy.kept_counts, final_result.uniform.kept_counts)
    said = [
        goal_reached(metric, goal.minimise, goal.max_drop, goal.drop, goal.passed_over) if goal else None,
        against_uniform(
            metric,
            test.gain_over_uniform,
            test.difference_to_uniform,
            is_uniform=is_uniform,
            is_trained=final_result.untrained is not None,
        ),
        recovery_chosen(metric, final_result.recovery, final_result.recovery_scores),
        more_calibration_images(final_result.policy.lost),
    ]
    return Table(
        f"{'accuracy' if metric in CLASS_METRICS else f'metric {metric}'}; reward images are the validation images",
        [Column("network"), Column("reward images"), Column("test images")],
        [(name, *("" if value is None else score(metric, value) for value in values)) for name, *values in scores],
        [each for each in said if each],
    )
