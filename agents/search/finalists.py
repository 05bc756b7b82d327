"""The choice among the best policies of a search, which are scored as they would be kept, on all reward images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.episode import Episode
from agents.final_result import ScoredPolicy
from agents.finalist import Finalist
from agents.search.policy_maker import PolicyMaker
from agents.search.stage import Stage
from amc.utils.defaults import AUTO, BLOCKWISE, CLOSED_FORMS
from amc.utils.errors import NothingFoundError

FINALISTS = 5
"""How many policies of a search are scored as they would be kept, on all reward images."""
NOTHING_WITHIN = (
    "none of the policies that the strategy scored is within the budget; a strategy has to score at least one that is"
)
"""What is said of a search that has no policy to keep."""


class Choice(NamedTuple):
    """The policy that was chosen, and the scores of those that it was chosen among."""

    best: ScoredPolicy
    finalists: tuple[Finalist, ...]


def choose_best(
    stage: Stage, episodes: Sequence[Episode], make: PolicyMaker, *others: tuple[Episode, ScoredPolicy]
) -> Choice:
    """The policy with the largest reward on all reward images, among the best episodes and `others`, scored before.

    Raises:
        NothingFoundError: No episode is within the budget.
    """
    recovery, best_episodes = decide_recovery(stage, episodes, make), find_finalists(stage, episodes)
    made = [
        (each, make(stage.task, each.kept_counts, _text(recovery, number, len(best_episodes))))
        for number, each in enumerate(best_episodes, 1)
    ]
    finalists = [*made, *others]
    policies = [policy for _, policy in finalists]
    best = max(
        policies, key=lambda each: stage.problem.reward(each.kept_counts, each.reward_accuracy, each.reward_score)
    )
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


def decide_recovery(stage: Stage, episodes: Sequence[Episode], make: PolicyMaker) -> str:
    """The name of the recovery that networks are made with, which the best episode decides if none has.

    Raises:
        NothingFoundError: No episode is within the budget.
    """
    best_episodes = find_finalists(stage, episodes)
    if not best_episodes:
        raise NothingFoundError(NOTHING_WITHIN)
    return make.decide(stage.task, best_episodes[0].kept_counts)


def find_finalists(stage: Stage, episodes: Sequence[Episode]) -> list[Episode]:
    """The best episodes within the budget, each policy once; just one where the search has scored what is kept."""
    candidates = [episode for episode in episodes if episode.outcome.within_budget]
    ranked: dict[bytes, Episode] = {}
    for episode in sorted(candidates, key=lambda each: -each.reward):
        ranked.setdefault(episode.kept_counts.tobytes(), episode)
    count = 1 if stage.scores_what_is_kept else FINALISTS
    return [*ranked.values()][:count]


def networks_made(stage: Stage, episodes: Sequence[Episode]) -> int:
    """How many networks the end of a search makes: the finalists and the uniform one, and one to try each recovery."""
    tried = len(CLOSED_FORMS) - 1 if stage.task.options.recovery in (AUTO, BLOCKWISE) else 0
    return len(find_finalists(stage, episodes)) + 1 + tried


def _text(recovery: str, number: int, count: int) -> str:
    if count == 1:
        return f"making the best again, with {recovery} recovery"
    return f"making the best {count} again, with {recovery} recovery: {number} of {count}"
