"""What a run has reached so far: costs, scores and channels of the network that it found."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.episode import Episode, best_of
from agents.report.episode_selection import episode_of_policy
from agents.report.run_record import RunRecord
from amc.cost.costs import COSTS
from amc.scoring.number_format import COST_NAMES

ORIGINAL, UNIFORM, FOUND = "original", "uniform", "found"
UNTRAINED = "found, before training"
NETWORKS = {
    ORIGINAL: ("original_accuracy", "test_accuracy_original"),
    UNIFORM: ("uniform_accuracy", "test_accuracy_uniform"),
    "agent before learning": ("zero_shot_accuracy", "test_accuracy_zero_shot"),
    UNTRAINED: ("untrained_accuracy", "test_accuracy_untrained"),
    FOUND: ("policy_accuracy", "test_accuracy_policy"),
}
"""The entries of the summary with the scores on the reward and on the test images, by the name of the network."""
BUDGET = re.compile(rf"({'|'.join(COST_NAMES)})=([0-9]+\.?[0-9]*|\.[0-9]+)(?:[KMGkmg]?[Bb]?|ms)")


@dataclass(frozen=True)
class RunResult:
    """What a run has reached so far.

    Attributes:
        costs: Costs of the found network by kind.
        scores: Scores by name of the network: on the reward and on the test images once the run has ended, until then
            on the images that the search scores with.
        channels: Channels of each group that are kept.
        uniform: Channels of each group in the uniform policy; empty without a budget.
    """

    costs: Mapping[str, float]
    scores: Mapping[str, Sequence[float]]
    channels: Sequence[int]
    uniform: Sequence[int]


def run_result(record: RunRecord) -> RunResult | None:
    """What a run came to, or its best episode while it is unfinished; None before the first one within the budget.

    Raises:
        ValueError: the files do not go together.
    """
    _check(record)
    best = best_of(record.episodes)
    if best is None:
        return None
    uniform = _channels(record, record.uniform) if record.uniform else ()
    if record.summary is None or record.policy is None:
        costs = {kind: float(getattr(best.outcome, kind)) for kind in record.whole}
        return RunResult(costs, _scores_so_far(record, best), _channels(record, best.kept_counts), uniform)
    summary = record.summary
    if [group.name for group in record.policy.groups] != [group.name for group in record.groups]:
        raise ValueError("policy.json and the checkpoint are of different networks")
    if not set(record.whole) <= set(summary.costs):
        raise ValueError(f"summary.json has no {' or '.join(set(record.whole) - set(summary.costs))} after pruning")
    scores = {name: tuple(getattr(summary, each) for each in entries) for name, entries in NETWORKS.items()}
    if summary.kept_episode is not None and summary.kept_episode >= len(record.episodes):
        raise ValueError(f"summary.json keeps episode {summary.kept_episode}, which the checkpoint lacks")
    return RunResult(
        costs={kind: summary.costs[kind] for kind in record.whole},
        scores={name: pair for name, pair in scores.items() if None not in pair},
        channels=[group.width_after for group in record.policy.groups],
        uniform=uniform,
    )


def _check(record: RunRecord) -> None:
    """Raise a ValueError for what no run has."""
    if not set(COSTS) <= set(record.whole) <= set(COST_NAMES) or not all(record.whole.values()):
        raise ValueError(f"'whole': expected costs above 0 of {' and '.join(COSTS)}, got {dict(record.whole)}")
    for group in record.groups:
        if not 0 < group.units <= group.width:
            raise ValueError(f"'groups': {group.name!r} has {group.width} channels in {group.units} units")
    for limit in itertools.chain(record.budget, *record.stages):
        if not BUDGET.fullmatch(limit):
            raise ValueError(f"'budget': {limit!r} is none")


def _scores_so_far(record: RunRecord, best: Episode) -> Mapping[str, Sequence[float]]:
    uniform = episode_of_policy(record.episodes, record.uniform)
    known = {UNIFORM: (uniform.outcome.accuracy,)} if uniform else {}
    return known | {FOUND: (best.outcome.accuracy,)}


def _channels(record: RunRecord, kept_counts: Sequence[int] | Any) -> list[int]:
    return [group.width // group.units * int(keep) for group, keep in zip(record.groups, kept_counts, strict=True)]
