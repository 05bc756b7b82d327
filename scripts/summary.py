"""The numbers of a finished search, by name."""

from __future__ import annotations

from typing import Any

from scripts.finish import Finish, OnTest


def summarise(result: Finish, on_test: OnTest, episodes: int, seconds: float) -> dict[str, Any]:
    """Everything that a search prints; accuracies in [0, 1], `seconds` spent searching."""
    summary = {
        "original_accuracy": result.original_accuracy,
        "uniform_accuracy": result.uniform.reward_accuracy,
        "policy_accuracy": result.policy.reward_accuracy,
        "test_accuracy_original": on_test.original,
        "test_accuracy_uniform": on_test.uniform,
        "test_accuracy_policy": on_test.policy,
        **{
            f"{kind}_{when}": getattr(cost, when) for kind, cost in result.costs.items() for when in ("before", "after")
        },
        "widths_before": [group.width for group in result.groups],
        "widths_after": [group.width_after for group in result.groups],
        "episodes": episodes,
        "episodes_per_second": episodes / seconds,
        "search_seconds": seconds,
    }
    if result.zero_shot is not None:
        summary |= {
            "zero_shot_accuracy": result.zero_shot.reward_accuracy,
            "test_accuracy_zero_shot": on_test.zero_shot,
            "gained_over_zero_shot": result.policy.reward_accuracy - result.zero_shot.reward_accuracy,
        }
    return summary
