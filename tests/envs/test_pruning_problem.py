"""The pruning problem: episodes without an environment, one at a time and many at once, and what policies are worth."""

from typing import Any

import numpy as np
import pytest

from amc.compression.group_features import SHARES, GroupFeatures
from amc.cost.budget import Budgets
from envs import ChannelPruningEnv, PruningProblem
from envs.observations import OBSERVATIONS
from tests.oracles import prepared
from tests.problems import Accuracy


def pruning_problem(limits: tuple[str, ...] = ("macs=0.5",), **options: Any) -> tuple[PruningProblem, Accuracy]:
    """Groups of 6, 8, 10 and 7 units."""
    _, graph = prepared("projection")
    accuracy = Accuracy()
    return PruningProblem(Budgets(graph, limits), accuracy, **options), accuracy


def test_a_rollout_is_an_episode_of_the_environment_without_its_score() -> None:
    problem, accuracy = pruning_problem()
    env = ChannelPruningEnv(problem)
    actions = [0.4, 0.5, 0.6, 0.7]
    seen: list[Any] = []

    def act(observation: np.ndarray, interval: tuple[float, float]) -> float:
        seen.append((observation.tolist(), interval))
        return actions[len(seen) - 1]

    observation, info = env.reset()
    observations, intervals, sparsities = [observation.tolist()], [info["interval"]], []
    for place, action in enumerate(actions):
        if place == 2:  # it disturbs no episode that is under way
            trajectory = problem.rollout(act)
            assert not accuracy.asked
        observation, *_, info = env.step(np.array([action]))
        observations.append(observation.tolist())
        intervals.append(info["interval"])
        sparsities.append(info["sparsity"])
    assert seen == list(zip(observations[:-1], intervals[:-1], strict=True))
    assert trajectory.observations.tolist() == observations
    assert [tuple(interval) for interval in trajectory.intervals.tolist()] == intervals
    assert trajectory.sparsities.tolist() == sparsities
    assert trajectory.kept_counts.tolist() == info["kept_counts"].tolist()
    assert trajectory.kept_counts.tolist() == np.rint((1 - trajectory.sparsities) * [6, 8, 10, 7]).tolist()


@pytest.mark.parametrize("observation", sorted(OBSERVATIONS))
@pytest.mark.parametrize("limits", [(), ("macs=0.5",), ("macs=0.6", "memory=0.8")])
def test_trajectories_are_rollouts_of_whole_policies(observation: str, limits: tuple[str, ...]) -> None:
    problem, accuracy = pruning_problem(limits, observation=observation)
    rng = np.random.default_rng(0)
    policies = [problem.budgets.scale(rng.uniform(0.1, 1.0, 4)) for _ in range(3)]
    for kept_counts, trajectory in zip(policies, problem.trajectories(policies), strict=True):
        planned = iter(problem.sparsities(kept_counts))
        wanted = problem.rollout(lambda *_, planned=planned: float(next(planned)))
        for name, value in trajectory._asdict().items():
            np.testing.assert_array_equal(value, getattr(wanted, name), name)
    assert not accuracy.asked


def test_a_sparsity_is_the_share_of_units_that_go() -> None:
    problem, _ = pruning_problem()
    assert problem.sparsities(np.array([3, 8, 1, 7])).tolist() == [0.5, 0.0, 0.9, 0.0]


def test_the_reward_of_a_policy_is_that_of_the_episode_that_leads_to_it() -> None:
    problem, accuracy = pruning_problem()
    env = ChannelPruningEnv(problem)
    env.reset()
    for sparsity in (0.3, 0.1, 0.8, 0.4):
        _, reward, *_, info = env.step(np.array([sparsity]))
    kept_counts = info["kept_counts"]
    assert problem.reward(kept_counts, accuracy(kept_counts)) == reward
    assert problem.score(kept_counts) == (reward, info["outcome"])
    assert list(problem.score_all([kept_counts, kept_counts])) == 2 * [(reward, info["outcome"])]


def test_features_of_groups_are_asked_for_once_and_only_by_who_observes() -> None:
    asked, known = [], np.full((4, 3), 0.25)

    def group_features() -> GroupFeatures:
        asked.append(True)
        return GroupFeatures(known, known, known, np.tile(SHARES, (4, 1)))

    searched, _ = pruning_problem(group_features=group_features)
    searched.score(searched.budgets.scale(np.ones(4)))
    assert asked == []
    for _ in range(2):
        searched.begin().observe()
    assert asked == [True]
