"""The pruning problem: the policies of a network, the observations on the way to each, and its reward."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from amc.compression.group_features import GroupFeatures
from amc.cost.budget import Budgets
from amc.cost.costs import COSTS, LATENCY, CostFunction
from amc.criteria import Importance
from amc.graph import KeptCounts
from amc.scoring.score import Score
from amc.utils.registry import name_of
from envs.observations import Decisions, Features, MakeObservation, Observation, find_observation
from envs.partial_policy import Interval, PartialPolicy
from envs.rewards import Outcome, RewardFunction, find_reward

Act = Callable[[Features, Interval], float]
"""An actor: the sparsity for an observation and the feasible interval."""


class Accuracies(Protocol):
    """A function that scores several networks at once, bad ones perhaps by an estimate."""

    def __call__(self, policies: Sequence[KeptCounts], *, race: bool, before: int) -> Iterable[Score]:
        """The scores in the order of the policies; with `race` those of bad ones may be estimates.

        `before` policies of the same round were scored before an interruption.
        """


class Trajectory(NamedTuple):
    """An episode without its reward: one step for each of `n` groups.

    Attributes:
        kept_counts: The policy that the episode ends with, `(n,)`.
        sparsities: The sparsity that each step executed, `(n,)`.
        observations: What is seen before each step and after the last, `(n + 1, features)`.
        intervals: The feasible sparsities before each step and after the last, `(n + 1, 2)`.
    """

    kept_counts: KeptCounts
    sparsities: NDArray[np.float64]
    observations: NDArray[np.float32]
    intervals: NDArray[np.float64]


class PruningProblem:
    """The problem of pruning one network to its budgets, with the reward of every policy; it never changes.

    Args:
        budgets: The limits over the analysed network; without any the sparsities are not bounded.
        accuracy: The accuracy in [0, 1] of the network that given kept counts leave.
        group_features: Gives what weights and calibration images say of each group, when that is first needed; nothing
            by default.
        importance: How much each unit matters, `(graph.unit_count,)`, for rules that compare channels; all alike by
            default.
        reward: The reward that is maximised, as `envs.rewards.find_reward` takes it.
        observation: The observation set, which says what an agent sees, as `envs.observations.find_observation` takes
            it.
        latency: The latency in ms of the network that given kept counts leave, measured or predicted; none by default.
        accuracies: Scores several networks at once (`amc.scoring.scorer.PolicyScorer.all`); by default `accuracy`
            scores one after the other.

    Attributes:
        start: The policy that searches begin from, `(groups,)`; None for what each begins from by itself.
    """

    start: KeptCounts | None = None

    def __init__(
        self,
        budgets: Budgets,
        accuracy: Callable[[KeptCounts], float],
        group_features: Callable[[], GroupFeatures] | None = None,
        importance: Importance | None = None,
        reward: str | RewardFunction = "error",
        observation: str | MakeObservation = "scale_free",
        latency: CostFunction | None = None,
        accuracies: Accuracies | None = None,
    ) -> None:
        self.budgets = budgets
        self.graph = budgets.graph
        self._features = group_features or (lambda: GroupFeatures.unknown(self.graph))
        self.importance = np.ones(self.graph.unit_count) if importance is None else importance
        self.observation_name = name_of(observation)
        make = find_observation(observation)
        self._observe = cache(lambda within: make(within.graph, within, self._features()))
        self._of_episode: Callable[[int], PruningProblem] | None = None
        self._accuracies = accuracies or (
            lambda policies, **_: (Score(accuracy(kept_counts)) for kept_counts in policies)
        )
        self._reward = find_reward(reward)
        self._may_race = not self._reward.weighs_cost
        self._costs = {kind: make(self.graph) for kind, make in COSTS.items()}
        self._measures = latency is not None
        self._latency = latency or (lambda _: 0.0)

    @property
    def observation(self) -> Observation:
        """The observation set at these budgets, which is made for the first agent: rules need none."""
        return self._observe(self.budgets)

    @property
    def group_features(self) -> GroupFeatures:
        """What weights and calibration images say of each group."""
        return self._features()

    @property
    def least_change(self) -> KeptCounts:
        """The policy `(groups,)` within the budgets of which the least change of the outputs is expected."""
        return self.group_features.least_change(self.budgets)

    def expected_change(self, policies: KeptCounts) -> NDArray[np.float64]:
        """The change of the outputs that is expected of `policies` `(n, groups)`, `(n,)`; 0 where nothing is known."""
        return self.group_features.expected_change(policies / self.graph.full)

    def begun_from(self, start: KeptCounts) -> PruningProblem:
        """The problem with a policy `(groups,)` that searches begin from; it is scaled to the budgets and filled up."""
        other = copy.copy(self)
        other.start = self.budgets.scale(start / self.graph.full)
        return other

    # -- other budgets ------------------------------------------------------------------------------------------

    def with_budgets(self, budgets: Budgets) -> PruningProblem:
        """The problem of pruning the same network to other budgets, which has the same scores."""
        other = copy.copy(self)
        other.budgets = budgets
        if self.start is not None:
            other.start = budgets.scale(self.start / self.graph.full)
        return other

    def drawing(self, draw: Callable[[int], Budgets]) -> PruningProblem:
        """The problem each of whose episodes has budgets of its own, which `draw` gives by the episode's index.

        Policies of several budgets can't be raced with each other, so that all are scored to the end.
        """
        other = copy.copy(self)
        with_budgets = cache(self.with_budgets)
        other._may_race, other._of_episode = False, lambda index: with_budgets(draw(index))
        return other

    def of_episode(self, index: int) -> PruningProblem:
        """The problem that the episode of that index is about; it is this one unless budgets are drawn."""
        return self if self._of_episode is None else self._of_episode(index)

    # -- what a policy is worth ---------------------------------------------------------------------------------

    def score(self, kept_counts: KeptCounts) -> tuple[float, Outcome]:
        """The reward and outcome of the policy `kept_counts` `(groups,)`, whether or not it is within the budget."""
        return next(iter(self.score_all([kept_counts])))

    def score_all(
        self, policies: Sequence[KeptCounts], *, race: bool = False, before: int = 0
    ) -> Iterator[tuple[float, Outcome]]:
        """The reward and outcome of each policy; with `race` bad ones are estimated, where reward is accuracy alone.

        `before` policies of the same round were scored before an interruption.
        """
        scores = self._accuracies(policies, race=race and self._may_race, before=before)
        if self._measures:  # while latency is measured, nothing else may run
            scores = list(scores)
        for kept_counts, score in zip(policies, scores, strict=True):
            compared = None if score.accuracy is None else score.value
            outcome = self.outcome(kept_counts, score.metric, score.share, compared)
            yield float(self._reward(outcome)), outcome

    def outcome(
        self, kept_counts: KeptCounts, accuracy: float, images: float = 1.0, score: float | None = None
    ) -> Outcome:
        """The outcome of the policy `kept_counts` `(groups,)`, with an accuracy on the share `images` of all images.

        `score` is what it is compared by, where that is not the accuracy.
        """
        latency = self._latency(kept_counts)
        use = 1.0
        if self.budgets.limits:
            limit = self.budgets.limits[0]
            use = (latency if limit.kind == LATENCY else limit.cost(kept_counts)) / limit.most
        counted = {kind: cost(kept_counts) for kind, cost in self._costs.items()}
        within = self.budgets.allows(kept_counts)
        return Outcome(
            accuracy=accuracy,
            budget_use=use,
            within_budget=within,
            latency=latency,
            images=images,
            score=score,
            **counted,
        )

    def reward(self, kept_counts: KeptCounts, accuracy: float, score: float | None = None) -> float:
        """The reward of the policy `kept_counts` `(groups,)` when its network has this accuracy, or this score."""
        return float(self._reward(self.outcome(kept_counts, accuracy, 1.0, score)))

    # -- the way to a policy ------------------------------------------------------------------------------------

    def begin(self) -> PartialPolicy:
        """A policy of which nothing is decided, as at the beginning of an episode."""
        return PartialPolicy(self.budgets, self.observation)

    def rollout(self, act: Act) -> Trajectory:
        """The whole episode in which `act` decides each group; its policy is not scored."""
        policy = self.begin()
        observations, intervals, executed = [policy.observe()], [policy.interval], []
        while not policy.complete:
            executed.append(policy.decide(act(observations[-1], intervals[-1])))
            observations.append(policy.observe())
            intervals.append(policy.interval)
        return Trajectory(policy.kept_counts, np.array(executed), np.stack(observations), np.array(intervals))

    def trajectories(self, policies: Sequence[KeptCounts]) -> list[Trajectory]:
        """The episodes that end with `policies`, each `(groups,)` and feasible; none is scored."""
        kept_counts = np.stack(policies)
        count, groups = kept_counts.shape
        sparsities = self.sparsities(kept_counts)
        intervals = np.ones((count, groups + 1, 2)) * (0.0, 1.0)
        intervals[:, :-1] = self.sparsities(np.moveaxis(self.budgets.intervals(kept_counts), -1, 0)[::-1]).transpose(
            1, 2, 0
        )
        decisions = Decisions(
            kept_counts=np.repeat(kept_counts, groups, axis=0),
            index=np.tile(np.arange(groups), count),
            intervals=intervals[:, :-1].reshape(-1, 2),
            previous=np.hstack([np.zeros((count, 1)), sparsities[:, :-1]]).reshape(-1),
        )
        observations = np.zeros((count, groups + 1, len(self.observation.names)), dtype=np.float32)
        observations[:, :-1] = self.observation(decisions).reshape(count, groups, -1)
        return [Trajectory(*each) for each in zip(kept_counts, sparsities, observations, intervals, strict=True)]

    def sparsities(self, kept_counts: KeptCounts) -> NDArray[np.float64]:
        """The sparsities of `kept_counts`, `(..., groups)`: the actions that lead to them, where they are feasible."""
        share: NDArray[np.float64] = 1.0 - kept_counts / self.graph.full
        return share
