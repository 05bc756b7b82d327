"""The choice among the best policies of a search, which are scored as they would be kept, on all reward images."""

from __future__ import annotations

from collections.abc import Sequence

from agents.episode import Episode
from agents.final_result import ScoredPolicy
from agents.search.stage import Stage
from amc.graph import KeptCounts
from amc.task import Task

FINALISTS = 5
"""How many policies of a search are scored as they would be kept, on all reward images."""


def choose_best(stage: Stage, episodes: Sequence[Episode], *others: ScoredPolicy) -> ScoredPolicy:
    """The policy with the largest reward on all reward images, among the best episodes and `others`, scored before."""
    finalists = [*(score_policy(stage.task, kept_counts) for kept_counts in _finalists(stage, episodes)), *others]
    return max(finalists, key=lambda each: stage.problem.reward(each.kept_counts, each.reward_accuracy))


def score_policy(task: Task, kept_counts: KeptCounts) -> ScoredPolicy:
    """The policy with its compact network, scored on all reward images."""
    network, selection = task.compact(kept_counts)
    return ScoredPolicy(kept_counts, network, selection, task.accuracy(network, task.splits.reward))


def _finalists(stage: Stage, episodes: Sequence[Episode]) -> list[KeptCounts]:
    """The best distinct policies within the budget; the best alone where the search has scored what is kept."""
    candidates = [episode for episode in episodes if episode.outcome.within_budget]
    ranked = {episode.kept_counts.tobytes(): episode for episode in sorted(candidates, key=lambda each: -each.reward)}
    count = 1 if stage.scores_what_is_kept else FINALISTS
    return [episode.kept_counts for episode in ranked.values()][:count]
