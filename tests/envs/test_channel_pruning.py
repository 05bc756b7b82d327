"""The environment's contract: Gymnasium's, Stable-Baselines3's, and what an agent is told."""

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_for_agents

import envs
from amc.compression.group_features import SHARES, GroupFeatures
from amc.cost.budget import Budgets
from amc.graph import PruningGraph
from envs import ChannelPruningEnv, PruningProblem
from envs.observations import OBSERVATIONS
from envs.rewards import REWARDS
from tests.architectures import PRUNABLE
from tests.oracles import prepared
from tests.problems import Accuracy


def environment(
    name: str = "projection", limits: tuple[str, ...] = ("macs=0.5",), **options: Any
) -> tuple[ChannelPruningEnv, Accuracy]:
    _, graph = prepared(name)
    accuracy = Accuracy()
    return ChannelPruningEnv(PruningProblem(Budgets(graph, limits), accuracy, **options)), accuracy


def features_of(graph: PruningGraph) -> GroupFeatures:
    groups = len(graph.groups)
    changes = np.outer(np.arange(1, groups + 1), [0.1, 0.01, 0.001])
    return GroupFeatures(np.full((groups, 3), 0.5), np.full((groups, 3), 0.3), changes, np.tile(SHARES, (groups, 1)))


def act(sparsity: float) -> np.ndarray:
    return np.array([sparsity], dtype=np.float32)


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("reward", REWARDS)
def test_checkers_find_nothing_wrong(observation: str, reward: str) -> None:
    _, graph = prepared("projection")
    problem = PruningProblem(
        Budgets(graph, ["macs=0.5"]), Accuracy(), lambda: features_of(graph), observation=observation, reward=reward
    )
    env = gym.make("AMC/ChannelPruning-v1", problem=problem)
    assert isinstance(env.unwrapped, envs.ChannelPruningEnv)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*recommend.*(symmetric|normalized).*")  # sparsity is in [0, 1]
        check_env(env.unwrapped, skip_render_check=True)
        check_env_for_agents(env)


@pytest.mark.parametrize("limits", [(), ("macs=0.5",), ("macs=0.6", "params=0.5")])
@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("name", PRUNABLE)
def test_observations_are_in_the_box_and_accuracy_is_asked_for_once_at_the_end(
    name: str, observation: str, limits: tuple[str, ...]
) -> None:
    _, graph = prepared(name)
    if name in ("convnext", "transformer"):  # of which little can be cut
        limits = tuple(limit.replace("0.5", "0.95").replace("0.6", "0.9") for limit in limits)
    env, accuracy = environment(name, limits, observation=observation, group_features=lambda: features_of(graph))
    rng = np.random.default_rng(0)
    for episode in range(3):
        features, info = env.reset(seed=episode)
        for step in range(len(graph.groups)):
            assert features in env.observation_space
            least, most = info["interval"]
            assert 0.0 <= least <= most < 1.0
            assert len(accuracy.asked) == episode
            features, reward, terminated, truncated, info = env.step(act(rng.random()))
            assert least <= info["sparsity"] <= most
            assert terminated == (step == len(graph.groups) - 1)
            assert not truncated
            assert terminated or reward == 0.0
        assert features in env.observation_space
        assert accuracy.asked[-1] == info["kept_counts"].tolist()
    assert len(accuracy.asked) == 3


def episode(env: ChannelPruningEnv, actions: list[float], seed: int | None = None) -> list[Any]:
    features, info = env.reset(seed=seed)
    seen: list[Any] = [features.tolist(), info["interval"]]
    for action in actions:
        features, reward, *_, info = env.step(act(action))
        seen += [features.tolist(), reward, info["interval"], info["sparsity"], int(info["kept_counts"][-1])]
    return [*seen, info["kept_counts"].tolist(), info["outcome"]]


def test_an_episode_is_decided_by_its_actions() -> None:
    env, _ = environment()
    first = episode(env, [0.3, 0.1, 0.8, 0.4], seed=1)
    assert episode(env, [0.3, 0.1, 0.8, 0.4], seed=2) == first
    assert episode(environment()[0], [0.3, 0.1, 0.8, 0.4]) == first
    assert episode(env, [0.3, 0.6, 0.8, 0.4]) != first


def test_actions_beyond_the_space_are_taken_to_its_ends() -> None:
    env, _ = environment()
    assert episode(env, [-3.0, 7.0, -0.1, 1.5]) == episode(env, [0.0, 1.0, 0.0, 1.0])


def test_a_reset_starts_over() -> None:
    env, _ = environment()
    whole = episode(env, [0.3, 0.1, 0.8, 0.4])
    env.reset()
    env.step(act(0.9))
    env.step(act(0.9))
    assert episode(env, [0.3, 0.1, 0.8, 0.4]) == whole


def test_without_limits_actions_are_rounded_and_nothing_else() -> None:
    env, _ = environment(limits=())  # groups of 6, 8, 10 and 7 units
    env.reset()
    kept_counts = [env.step(act(sparsity))[4]["kept_counts"][-1] for sparsity in (0.5, 0.0, 0.32, 1.0)]
    assert kept_counts == [3, 8, 7, 2]


def test_info_tells_what_was_decided_and_what_is_feasible_next() -> None:
    env, _ = environment()
    _, info = env.reset()
    decided: list[int] = []
    for group in env.problem.graph.groups:
        least, largest = env.problem.budgets.interval(decided)
        assert info["interval"] == (1 - largest / group.units, 1 - least / group.units)
        *_, info = env.step(act(0.4))
        decided.append(int(info["kept_counts"][-1]))
        assert info["sparsity"] == 1 - int(info["kept_counts"][-1]) / group.units
    assert info["kept_counts"].tolist() == decided
