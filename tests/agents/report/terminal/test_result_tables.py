import dataclasses
import re

import numpy as np
import pytest
from torch import nn

from agents.final_result import FinalResult, OnTest, ScoredPolicy
from agents.report.terminal.result_tables import result_tables
from amc.artifacts.policy import CostReached, GroupPolicy
from amc.pruning.slicing import Selection
from amc.recovery.layer_problem import LostShares


def scored(accuracy: float) -> ScoredPolicy:
    return ScoredPolicy(np.array([3]), nn.Identity(), Selection({}, {}), accuracy)


FINISH = FinalResult(
    original_accuracy=0.99,
    uniform=scored(0.8),
    zero_shot=None,
    policy=scored(0.9),
    finalists=(),
    groups=(
        GroupPolicy("features.0", 16, 4, 16, (0, 1, 2, 3), 0.75),
        GroupPolicy("a.very.long.name." * 8 + "end", 32, 32, 32, tuple(range(32)), 0.0),
    ),
    costs={"macs": CostReached(1_234_567, 600_000, 600_000 / 1_234_567)},
    recovery="both",
    recovery_scores={"asymmetric": 0.875, "both": 0.9},
)
ON_TEST = OnTest(original=0.985, uniform=0.75, zero_shot=None, policy=1.0)


def test_accuracies_are_percentages() -> None:
    out = "\n".join(map(str, result_tables(FINISH, ON_TEST, "top1")))
    assert re.search(r"│ features.0 +│ 16 +│ 4 +│ 75 % +│", out)
    assert re.search(r"│ MACs +│ 1,234,567 +│ 600,000 +│ 48.60 % +│", out)
    assert re.search(r"│ original +│ 99.00 % +│ 98.50 % +│", out)
    assert re.search(r"│ uniform +│ 80.00 % +│ 75.00 % +│", out)
    assert re.search(r"│ found +│ 90.00 % +│ 100.00 % +│", out)


def test_the_recovery_that_was_taken_is_told_with_the_scores_it_was_chosen_by() -> None:
    told = "recovery: asymmetric 87.50 %, both 90.00 % with the best policy of the search on all reward images, so both"
    assert told in " ".join("\n".join(map(str, result_tables(FINISH, ON_TEST, "top1"))).split())
    chosen_by_the_user = dataclasses.replace(FINISH, recovery="none", recovery_scores={})
    assert "recovery:" not in "\n".join(map(str, result_tables(chosen_by_the_user, ON_TEST, "top1")))


@pytest.mark.parametrize(
    ("held_out", "takes_more", "told"),
    [
        (0.34, True, "would bring the first nearer"),
        (0.34, False, "no more of them are solved on at once"),
        (0.19, True, "would help little"),
    ],
)
def test_what_more_calibration_images_would_help_is_told_where_some_are_held_out(
    held_out: float, takes_more: bool, told: str
) -> None:
    kept = dataclasses.replace(FINISH.policy, lost=LostShares(0.18, held_out, takes_more))
    few = dataclasses.replace(FINISH, policy=kept)
    text = " ".join("\n".join(map(str, result_tables(few, ON_TEST, "top1"))).split())
    assert (
        f"on images held out {100 * held_out:.0f} % of what varies in layers' outputs is lost, 18 % on the oth" in text
    )
    assert told in text
    assert "held out" not in "\n".join(map(str, result_tables(FINISH, ON_TEST, "top1")))


def test_a_users_metric_is_a_number() -> None:
    out = "\n".join(
        map(str, result_tables(dataclasses.replace(FINISH, original_accuracy=-12.5), ON_TEST, "own.py:loss"))
    )
    assert re.search(r"│ original +│ -12.5000 +│ 0.9850 +│", out)
    assert "accuracy" not in out


def test_long_names_are_folded_and_not_cut() -> None:
    out = "\n".join(map(str, result_tables(FINISH, ON_TEST, "top1")))
    assert "…" not in out
    first = "".join(line.split("│")[1].strip() for line in out.splitlines() if line.startswith("│"))
    assert "a.very.long.name." * 8 + "end" in first
