"""The end of a search: the best policies are scored on all reward images, then the test images are read, once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from agents.episode import Episode
from agents.final_result import FinalResult, OnTest, ScoredPolicy
from agents.search.finalists import choose_best, find_finalists, score_policy
from agents.search.invocation import Invocation
from agents.search.latency_finalists import choose_measured, latency_reached
from agents.search.stage import Stage
from amc.artifacts.policy import CostReached, LatencyReached, Policy, current_versions, describe_groups
from amc.cost.budget import Budgets
from amc.cost.costs import COSTS
from amc.graph import KeptCounts
from amc.latency.latency_model import LatencyModel
from amc.task import Task


def final_result(
    stage: Stage,
    episodes: Sequence[Episode],
    original_accuracy: float,
    *,
    zero_shot: bool = False,
    latency_model: LatencyModel | None = None,
    kept_before: Episode | None = None,
) -> FinalResult:
    """The policy with the best reward on all reward images among the best episodes, and scores of what it has to beat.

    Args:
        stage: The last stage of the search.
        episodes: The policies that were scored in it.
        original_accuracy: The score of the original network on the reward images.
        zero_shot: Whether the first episode is what a trained agent did before it learned; it is scored as well.
        latency_model: Measures latency, where the search knows it.
        kept_before: The episode whose policy was the result of a shorter search; the choice is not to be worse.
    """
    task, origin = stage.task, stage.task.origin
    first = score_policy(task, episodes[0].kept_counts) if zero_shot else None
    others = [(episodes[0], first)] if first else []
    if kept_before and not stage.scores_what_is_kept and not _is_among(find_finalists(stage, episodes), kept_before):
        others.append((kept_before, score_policy(task, kept_before.kept_counts)))
    best, finalists = (
        choose_measured(stage, episodes, latency_model, *others)
        if latency_model
        else choose_best(stage, episodes, *others)
    )
    return FinalResult(
        original_accuracy=original_accuracy,
        uniform=score_policy(origin, _uniform(origin, best.kept_counts)),
        zero_shot=first,
        policy=best,
        finalists=finalists,
        groups=describe_groups(origin.graph, task.mask(best.kept_counts)),
        costs=_costs(origin, best.kept_counts),
        latency=latency_reached(latency_model, task, best.kept_counts) if latency_model else None,
    )


def _is_among(episodes: Sequence[Episode], wanted: Episode) -> bool:
    return any(np.array_equal(each.kept_counts, wanted.kept_counts) for each in episodes)


def score_on_test(task: Task, result: FinalResult) -> OnTest:
    """The scores on the test images, which are read here and nowhere else in a search."""
    score = partial(task.image_scores, images=task.splits.test)
    original, uniform, policy = map(score, (task.origin.model, result.uniform.network, result.policy.network))
    return OnTest(
        original=original.value,
        uniform=uniform.value,
        zero_shot=score(result.zero_shot.network).value if result.zero_shot else None,
        policy=policy.value,
        drop=original.drop_to(policy),
        difference_to_uniform=policy.drop_to(uniform),
    )


def _uniform(task: Task, policy: KeptCounts) -> KeptCounts:
    """The uniform policy at the task's budgets, or at the MACs of `policy` where there are none."""
    budgets = task.budgets
    if not budgets.limits:
        budgets = Budgets(task.graph, [f"macs={COSTS['macs'](task.graph)(policy)}"])
    return budgets.scale(np.ones(len(task.graph.groups)))


def _costs(task: Task, kept_counts: KeptCounts) -> dict[str, CostReached]:
    """The costs of the original network of `task` and of the one that keeps `kept_counts[g]` units of each group."""
    reached = {}
    for kind, make in COSTS.items():
        cost = make(task.graph)
        before, after = cost(task.graph.full), cost(kept_counts)
        reached[kind] = CostReached(before, after, after / before)
    return reached


def policy_as_searched(task: Task, episode: Episode) -> ScoredPolicy:
    """The policy of an episode with the network that the search scored, made anew by the search's own recovery."""
    network, selection = task.compact(episode.kept_counts, task.options.search_recovery)
    return ScoredPolicy(episode.kept_counts, network, selection, episode.outcome.accuracy)


def make_policy(
    task: Task,
    found: ScoredPolicy,
    original_accuracy: float,
    invocation: Invocation,
    seed: int,
    latency: LatencyReached | None = None,
) -> Policy:
    """Return the contents of `policy.json` for a policy that was found.

    Args:
        task: The task of the stage that found it.
        found: The policy with its network and score.
        original_accuracy: The score of the original network on the reward images.
        invocation: How the search was asked for.
        seed: The seed of the search.
        latency: The measured latency; None where the search did not know it.
    """
    return Policy(
        model=invocation.model,
        inputs=task.origin.graph.inputs,
        fingerprint=task.origin.graph.fingerprint,
        strategy=invocation.strategy,
        seed=seed,
        budget=tuple(limit.asked for limit in task.budgets.limits),
        costs=_costs(task.origin, found.kept_counts),
        latency=latency,
        accuracy_before=original_accuracy,
        accuracy=found.reward_accuracy,
        groups=describe_groups(task.origin.graph, task.mask(found.kept_counts)),
        selection=found.selection,
        versions=current_versions(),
    )
