"""The names of the curves in TensorBoard, and the charts that they are drawn in.

The Time Series tab sorts by name, so names are chosen to bring what matters most first: `best so far`, then `episode`,
`learning`, `result`, and the pictures `scatter of ...`, `sparsity of ...`, `widths of ...`. The Custom Scalars tab puts
charts that belong together side by side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

BEST_REWARD = "best so far/reward"

LEARNING = {
    "reward/baseline": "learning/reward baseline",
    "loss/critic": "learning/critic loss",
    "loss/actor": "learning/actor loss",
    "exploration/sigma": "learning/exploration sigma",
}
"""Curves by the name that a strategy gives a number of its own; others keep that name."""

CHARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "Reward": {
        "best so far": (BEST_REWARD,),
        "every episode": ("episode/reward",),
        "moving average (the agent's baseline)": ("learning/reward baseline",),
    },
    "Accuracy": {
        "of the best so far": ("best so far/accuracy",),
        "of every episode": ("episode/accuracy",),
    },
    "Losses of the agent": {
        "critic": ("learning/critic loss",),
        "actor": ("learning/actor loss",),
    },
}
"""The charts of each category of Custom Scalars, and the curves in them, that every search has."""

RESULTS = {
    "test accuracy": "test_accuracy_policy",
    "test accuracy, uniform": "test_accuracy_uniform",
    "share of MACs left": "macs",
    "share of parameters left": "params",
    "share of memory left": "memory",
    "reward-image accuracy": "policy_accuracy",
    "reward-image accuracy, uniform": "uniform_accuracy",
    "test accuracy, original": "test_accuracy_original",
    "reward-image accuracy, original": "original_accuracy",
}
"""Final numbers, the most important first: entries of the summary, or costs, of which the share left counts."""


def layout(costs: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
    """The charts of the Custom Scalars tab as `SummaryWriter.add_custom_scalars` takes them, with tags as expressions.

    Args:
        costs: The kinds of cost, by their names in `COST_NAMES`.
    """
    shares: dict[str, tuple[str, ...]] = {
        f"{cost}, of {whose}": (f"{prefix}/share of {cost} left",)
        for cost in costs
        for whose, prefix in (("the best so far", "best so far"), ("every episode", "episode"))
    }
    return {
        category: {title: ["Multiline", [f"{re.escape(tag)}$" for tag in tags]] for title, tags in charts.items()}
        for category, charts in {**CHARTS, "Share of the cost that is left": shares}.items()
    }


def results(summary: Mapping[str, Any]) -> dict[str, float]:
    """The final numbers of a run by the name of their curve, from its `summary.json`."""
    found = {
        f"result/{name}": summary[entry] if entry in summary else summary[f"{entry}_after"] / summary[f"{entry}_before"]
        for name, entry in RESULTS.items()
    }
    if "drop" in summary:
        found |= {"result/drop on judging images": summary["drop"], "result/largest drop": summary["max_drop"]}
    if "latency_after_ms" in summary:
        found["result/share of latency left"] = summary["latency_after_ms"] / summary["latency_before_ms"]
    return found
