"""The agent has to solve a toy whose optimum is known: eight groups that matter unequally, and half of the MACs."""

import functools
import itertools

import numpy as np
import pytest

from agents.ddpg.settings import PRESETS
from agents.rules import RULES
from agents.search.episode_log import EpisodeLog
from agents.strategies import make_strategy
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from envs import PruningProblem
from tests.problems import chain

WIDTHS = np.array([16, 24, 16, 32, 24, 16, 32, 24])
WEIGHTS = np.array([1.0, 0.2, 3.0, 0.5, 2.0, 0.3, 1.5, 4.0])
EPISODES = 120
WITH_A_MODEL = 60
"""The episodes of an agent that has a surrogate model of what policies are worth."""


def accuracy(kept_counts: KeptCounts) -> float:
    """Every channel of a group is worth less than the one before."""
    return float(WEIGHTS @ np.sqrt(kept_counts / WIDTHS) / WEIGHTS.sum())


def pruning_problem() -> PruningProblem:
    graph = chain(tuple(WIDTHS.tolist()), residual=False, round_to=4, max_sparsity=0.8)
    return PruningProblem(Budgets(graph, ["macs=0.5"]), accuracy)


@functools.cache
def optimum() -> float:
    """The largest accuracy of all policies that fit, counting the MACs of the chain by hand."""
    choices = [range(4 * -(-width // 20), width + 1, 4) for width in WIDTHS.tolist()]
    policies = np.array(list(itertools.product(*choices)))
    ends = np.ones((len(policies), 1), dtype=np.int64)
    channels = np.concatenate([3 * ends, policies, 2 * ends], 1)
    kernels = np.array([1, 9] * 5)[: channels.shape[1] - 1]
    macs = 16 * (channels[:, :-1] * channels[:, 1:]) @ kernels
    fits = macs <= macs[-1] / 2  # the last policy is the whole network
    return float((np.sqrt(policies[fits] / WIDTHS) @ WEIGHTS).max() / WEIGHTS.sum())


@functools.cache
def run(strategy: str, preset: str = "tuned", seed: int = 0, episodes: int = EPISODES) -> tuple[float, list[float]]:
    """The best accuracy, and all of them in order."""
    noted = EpisodeLog()
    make_strategy(strategy, preset).search(pruning_problem(), episodes, seed, noted)
    assert noted.best is not None
    return noted.best.outcome.accuracy, [episode.outcome.accuracy for episode in noted.episodes]


@pytest.mark.parametrize("preset", PRESETS)
def test_ddpg_finds_nearly_the_best_policy_and_more_than_chance(preset: str) -> None:
    uniform, _ = run("uniform")
    chance = [run("random", seed=seed) for seed in range(3)]
    looks_elsewhere = PRESETS[preset].surrogate  # once it has found the best
    best, history = run("ddpg", preset, seed=1, episodes=WITH_A_MODEL if looks_elsewhere else EPISODES)
    gain = optimum() - uniform
    assert gain > 0.1
    assert best <= optimum() + 1e-9
    assert best > optimum() - 0.25 * gain
    assert best > np.median([each for each, _ in chance])
    if looks_elsewhere:
        assert max(history) == pytest.approx(optimum())
    else:
        assert np.mean(history[-20:]) > np.mean(chance[0][1]) + 0.4 * gain  # the policies themselves became good


@pytest.mark.parametrize("strategy", ["evolution", "swaps", "knapsack", "cma-es"])
def test_searches_without_an_agent_come_near_the_best_policy_too(strategy: str) -> None:
    uniform, _ = run("uniform")
    chance = [run("random", seed=seed)[0] for seed in range(3)]
    found = [run(strategy, seed=seed)[0] for seed in range(1 if strategy in RULES else 3)]
    assert max(found) <= optimum() + 1e-9
    assert min(found) > optimum() - 0.25 * (optimum() - uniform)
    assert np.mean(found) > np.mean(chance)
