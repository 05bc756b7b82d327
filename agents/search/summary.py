"""The numbers of a finished search by the names that they have in `summary.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from agents.episode import Episode, best_of
from agents.final_result import FinalResult, OnTest
from agents.search.plan import Limits


def summarise_stages(budgets: Sequence[Limits], episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """The best policy of each stage in numbers, as the search scored it; of those with one within their budget."""
    found = []
    for number, limits in enumerate(budgets):
        own = [episode for episode in episodes if episode.stage == number]
        best = best_of(own)
        if best is None:  # of an interrupted search over a range, which has not come to it
            continue
        found.append(
            {
                "budget": list(limits),
                "episodes": len(own),
                "accuracy": best.outcome.accuracy,
                "macs_after": best.outcome.macs,
                "params_after": best.outcome.params,
                "memory_after": best.outcome.memory,
            }
        )
    return found


def summarise(result: FinalResult, on_test: OnTest, episodes: Sequence[Episode], seconds: float) -> dict[str, Any]:
    """The results of a search by name, with accuracies in [0, 1]; `seconds` were spent searching."""
    summary = {
        "original_accuracy": result.original_accuracy,
        "uniform_accuracy": result.uniform.reward_accuracy,
        "policy_accuracy": result.policy.reward_accuracy,
        "uniform_score": result.uniform.reward_score,
        "policy_score": result.policy.reward_score,
        "test_accuracy_original": on_test.original,
        "test_accuracy_uniform": on_test.uniform,
        "test_accuracy_policy": on_test.policy,
        "test_drop": on_test.drop and on_test.drop._asdict(),
        "test_difference_to_uniform": on_test.difference_to_uniform and on_test.difference_to_uniform._asdict(),
        "recovery_taken": result.recovery,
        "recovery_scores": result.recovery_scores,
        "calibration_lost": result.policy.lost and result.policy.lost._asdict(),
        "finalists": [finalist._asdict() for finalist in result.finalists],
        **{
            f"{kind}_{when}": getattr(cost, when) for kind, cost in result.costs.items() for when in ("before", "after")
        },
        "widths_before": [group.width for group in result.groups],
        "widths_after": [group.width_after for group in result.groups],
        "episodes": len(episodes),
        "episodes_per_second": len(episodes) / seconds,
        "reward_images_used": fmean(episode.outcome.images for episode in episodes),
        "search_seconds": seconds,
    }
    if result.goal is not None:
        summary |= {
            "max_drop": result.goal.max_drop,
            "minimise": result.goal.minimise,
            "drop": result.goal.drop.value,
            "drop_interval": result.goal.drop.interval,
            "passed_over": result.goal.passed_over,
            "judged": [
                {
                    "budget": each.budget,
                    "drop": each.drop.value,
                    "judged_drop": each.judged and each.judged.value,
                    "holds": each.holds,
                }
                for each in result.goal.judgements
            ],
        }
    if result.latency is not None:
        summary |= dataclasses.asdict(result.latency)
    closed_form = result.policy
    if result.untrained is not None:
        closed_form = result.untrained
        summary |= {
            "untrained_accuracy": result.untrained.reward_accuracy,
            "test_accuracy_untrained": on_test.untrained,
        }
    if result.zero_shot is not None:
        summary |= {
            "zero_shot_accuracy": result.zero_shot.reward_accuracy,
            "test_accuracy_zero_shot": on_test.zero_shot,
            "gained_over_zero_shot": closed_form.reward_accuracy - result.zero_shot.reward_accuracy,
        }
    return summary
