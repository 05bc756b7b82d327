"""The choice among the best policies of a search: scored as they would be kept, on all reward images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from agents.result import Episode
from amc.graph import KeptCounts
from amc.pruning.slicing import Selection
from amc.task import Task

FINALISTS = 5
"""Policies of the search that are scored as they would be kept, on all reward images."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A policy with its compact network and its accuracy on all reward images, in [0, 1]."""

    kept_counts: KeptCounts
    network: nn.Module
    selection: Selection
    reward_accuracy: float


def choose(
    task: Task, episodes: Sequence[Episode], reward: Callable[[KeptCounts, float], float], *others: Scored
) -> Scored:
    """The best by the reward on all reward images: of the best episodes, and of `others`, which were scored before."""
    finalists = [*(scored(task, kept_counts) for kept_counts in _finalists(task, episodes)), *others]
    return max(finalists, key=lambda each: reward(each.kept_counts, each.reward_accuracy))


def scored(task: Task, kept_counts: KeptCounts) -> Scored:
    """The policy with its compact network, scored on all reward images."""
    network, selection = task.compact(kept_counts)
    return Scored(kept_counts, network, selection, task.accuracy(network, task.splits.reward))


def _finalists(task: Task, episodes: Sequence[Episode]) -> list[KeptCounts]:
    """The best distinct policies within the budget; the best alone where the search has scored what is kept.

    That is the same network, on all reward images.
    """
    candidates = [episode for episode in episodes if episode.outcome.within_budget]
    ranked = {episode.kept_counts.tobytes(): episode for episode in sorted(candidates, key=lambda each: -each.reward)}
    count = 1 if task.search_is_final else FINALISTS
    return [episode.kept_counts for episode in ranked.values()][:count]
