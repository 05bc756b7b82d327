"""The end of a search: the best policies are scored on all reward images, then the test images are read, once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from agents.episode import Episode
from agents.final_result import FinalResult, OnTest, ScoredPolicy
from agents.search.finalists import choose_best, decide_recovery, find_finalists
from agents.search.invocation import Invocation
from agents.search.latency_finalists import choose_measured, latency_reached
from agents.search.policy_maker import PolicyMaker, Tell, trained
from agents.search.search_warnings import warn_of_test_images
from agents.search.stage import Stage
from amc.artifacts.policy import CostReached, LatencyReached, Policy, current_versions, describe_groups
from amc.cost.budget import Budgets
from amc.cost.costs import COSTS
from amc.graph import KeptCounts
from amc.latency.latency_model import LatencyModel
from amc.scoring.image_scores import ImageScores
from amc.task import Task
from amc.utils.defaults import BLOCKWISE


def final_result(
    stage: Stage,
    episodes: Sequence[Episode],
    original_accuracy: float,
    *,
    zero_shot: bool = False,
    latency_model: LatencyModel | None = None,
    kept_before: Episode | None = None,
    tell: Tell = lambda _: None,
    make: PolicyMaker | None = None,
) -> FinalResult:
    """The policy with the best reward on all reward images among the best episodes, and scores of what it has to beat.

    Args:
        stage: The last stage of the search.
        episodes: The policies that were scored in it.
        original_accuracy: The score of the original network on the reward images.
        zero_shot: Whether the first episode is what a trained agent did before it learned; it is scored as well.
        latency_model: Measures latency, where the search knows it.
        kept_before: The episode whose policy was the result of a shorter search; the choice is not to be worse.
        tell: Told what is made, before it is.
        make: Makes the networks; None for a new one.

    Raises:
        NothingFoundError: No episode is within the budget.
    """
    task, origin, make = stage.task, stage.task.origin, make or PolicyMaker(tell)
    recovery = decide_recovery(stage, episodes, make)
    first = make(task, episodes[0].kept_counts, "making the agent's first policy again") if zero_shot else None
    others = [(episodes[0], first)] if first else []
    if kept_before and not stage.scores_what_is_kept and not _is_among(find_finalists(stage, episodes), kept_before):
        others.append((kept_before, make(task, kept_before.kept_counts, "making the policy that was kept before")))
    best, finalists = (
        choose_measured(stage, episodes, make, latency_model, *others)
        if latency_model
        else choose_best(stage, episodes, make, *others)
    )
    untrained = None
    if task.options.recovery == BLOCKWISE:
        untrained, best = best, trained(task, best, tell)
    asked = [limit.asked for limit in task.budgets.limits]
    return FinalResult(
        original_accuracy=original_accuracy,
        uniform=make(origin, _uniform(origin.with_budgets(asked), best.kept_counts), "making the uniform policy"),
        zero_shot=first,
        policy=best,
        finalists=finalists,
        groups=describe_groups(origin.graph, task.mask(best.kept_counts)),
        costs=costs_reached(origin, best.kept_counts),
        recovery=recovery,
        recovery_scores=make.recovery_scores,
        latency=latency_reached(latency_model, task, best.kept_counts) if latency_model else None,
        untrained=untrained,
    )


def _is_among(episodes: Sequence[Episode], wanted: Episode) -> bool:
    return any(np.array_equal(each.kept_counts, wanted.kept_counts) for each in episodes)


def score_on_test(
    task: Task,
    result: FinalResult,
    tell: Tell = lambda _: None,
    scores: dict[nn.Module, ImageScores] | None = None,
) -> OnTest:
    """The scores on the test images, which are read here and nowhere else in a search; `tell` is told whose.

    `scores` has those of networks that were scored before, to which those of others are added.
    """
    networks = {
        "the original": task.origin.model,
        "the uniform policy": result.uniform.network,
        "the policy that was found": result.policy.network,
    }
    if result.zero_shot is not None:
        networks["the agent's first policy"] = result.zero_shot.network
    if result.untrained is not None:
        networks["the policy that was found, before training"] = result.untrained.network
    scores = {} if scores is None else scores
    for name, network in networks.items():
        if network not in scores:  # two policies may be the same
            tell(f"scoring on the test images: {name}")
            scores[network] = task.image_scores(network, task.splits.test)
            if network is task.origin.model:
                warn_of_test_images(scores[network])
    original, uniform, policy = scores[task.origin.model], scores[result.uniform.network], scores[result.policy.network]
    first = scores[result.zero_shot.network] if result.zero_shot else None
    untrained = scores[result.untrained.network] if result.untrained else None
    return OnTest(
        original=original.value,
        uniform=uniform.value,
        zero_shot=first.value if first else None,
        policy=policy.value,
        drop=original.drop_to(policy),
        difference_to_uniform=(untrained or policy).drop_to(uniform),
        untrained=untrained.value if untrained else None,
    )


def _uniform(task: Task, policy: KeptCounts) -> KeptCounts:
    """The uniform policy at the task's budgets, or at the MACs of `policy` where there are none."""
    budgets = task.budgets
    if not budgets.limits:
        budgets = Budgets(task.graph, [f"macs={COSTS['macs'](task.graph)(policy)}"])
    return budgets.uniform


def costs_reached(task: Task, kept_counts: KeptCounts) -> dict[str, CostReached]:
    """The costs of the original network of `task` and of the one that keeps `kept_counts[g]` units of each group."""
    reached = {}
    for kind, make in COSTS.items():
        cost = make(task.graph)
        before, after = cost(task.graph.full), cost(kept_counts)
        reached[kind] = CostReached(before, after, after / before)
    return reached


def policy_as_searched(task: Task, episode: Episode) -> ScoredPolicy:
    """The policy of an episode with about the network that the search scored, made anew by the search's own recovery.

    Little time is spent on it, since it is kept only where making a better one fails: statistics are taken on a single
    batch of calibration images, and the score is that of the search.
    """
    network, selection = task.compact(episode.kept_counts, task.search_recovery, calibration_batches=1)
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
        costs=costs_reached(task.origin, found.kept_counts),
        latency=latency,
        metric=task.metric_name,
        accuracy_before=original_accuracy,
        accuracy=found.reward_accuracy,
        groups=describe_groups(task.origin.graph, task.mask(found.kept_counts)),
        selection=found.selection,
        versions=current_versions(),
    )
