"""The choice among the best policies of a search, which are scored as they would be kept, on all reward images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.episode import Episode
from agents.final_result import Finalist, ScoredPolicy
from agents.search.stage import Stage
from amc.graph import KeptCounts
from amc.task import Task

FINALISTS = 5
"""How many policies of a search are scored as they would be kept, on all reward images."""


class Choice(NamedTuple):
    """The policy that was chosen, and the scores of those that it was chosen among."""

    best: ScoredPolicy
    finalists: tuple[Finalist, ...]


def choose_best(stage: Stage, episodes: Sequence[Episode], *others: tuple[Episode, ScoredPolicy]) -> Choice:
    """The policy with the largest reward on all reward images, among the best episodes and `others`, scored before."""
    finalists = [(each, score_policy(stage.task, each.kept_counts)) for each in find_finalists(stage, episodes)] + [
        *others
    ]
    policies = [policy for _, policy in finalists]
    best = max(policies, key=lambda each: stage.problem.reward(each.kept_counts, each.reward_accuracy))
    scores = {
        episode.index: Finalist(
            episode.index,
            episode.outcome.accuracy,
            policy.reward_accuracy,
            is_kept=np.array_equal(policy.kept_counts, best.kept_counts),
        )
        for episode, policy in finalists
    }
    return Choice(best, tuple(scores.values()))


def score_policy(task: Task, kept_counts: KeptCounts) -> ScoredPolicy:
    """The policy with its compact network, scored on all reward images."""
    network, selection = task.compact(kept_counts)
    return ScoredPolicy(kept_counts, network, selection, task.accuracy(network, task.splits.reward))


def find_finalists(stage: Stage, episodes: Sequence[Episode]) -> list[Episode]:
    """The best episodes within the budget, each policy once; just one where the search has scored what is kept."""
    candidates = [episode for episode in episodes if episode.outcome.within_budget]
    ranked: dict[bytes, Episode] = {}
    for episode in sorted(candidates, key=lambda each: -each.reward):
        ranked.setdefault(episode.kept_counts.tobytes(), episode)
    count = 1 if stage.scores_what_is_kept else FINALISTS
    return [*ranked.values()][:count]
