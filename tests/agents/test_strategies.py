import numpy as np
import pytest

from agents.result import Episode
from agents.search import make_strategy
from agents.strategies import STRATEGIES, play
from amc.budget import Budgets
from amc.graph import Keeps
from envs import ChannelPruningEnv
from tests.problems import chain


class Counting:
    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, keeps: Keeps) -> float:
        self.asked.append(keeps.tolist())
        return float(keeps.sum() / 100)


def environment() -> tuple[ChannelPruningEnv, Counting]:
    graph = chain((16, 24, 16), residual=False, round_to=None, max_sparsity=0.8)
    accuracy = Counting()
    return ChannelPruningEnv(Budgets(graph, ["macs=0.5"]), accuracy), accuracy


def policies(strategy: str, seed: int, episodes: int = 6) -> list[list[int]]:
    env, accuracy = environment()
    seen: list[Episode] = []
    make_strategy(strategy).search(env, episodes, seed, seen.append)
    assert [episode.keeps.tolist() for episode in seen] == accuracy.asked  # each is scored, and told of, once
    assert [episode.index for episode in seen] == list(range(len(seen)))
    assert all(env.budgets.allows(episode.keeps) for episode in seen)
    return accuracy.asked


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_repeats_itself_under_a_seed(strategy: str) -> None:
    found = policies(strategy, seed=3)
    assert found == policies(strategy, seed=3)
    assert len(found) == (1 if strategy == "uniform" else 6)


@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"uniform"}))
def test_another_seed_gives_other_policies(strategy: str) -> None:
    assert policies(strategy, seed=0) != policies(strategy, seed=1)


def test_random_goes_on_where_a_shorter_search_ended() -> None:
    assert policies("random", seed=0, episodes=9)[:6] == policies("random", seed=0)


def test_uniform_has_one_policy_whatever_it_may_score() -> None:
    env, _ = environment()
    assert policies("uniform", seed=0, episodes=50) == [env.budgets.scale(np.ones(3)).tolist()]
    assert policies("uniform", seed=0, episodes=0) == []


def test_playing_keeps_scores_them() -> None:
    env, accuracy = environment()
    keeps = env.budgets.scale(np.array([0.5, 1.0, 0.7]))
    episode = play(env, keeps, 7)
    assert accuracy.asked == [keeps.tolist()]
    assert (episode.index, episode.keeps.tolist()) == (7, keeps.tolist())
    assert episode.reward == episode.outcome.accuracy - 1 == keeps.sum() / 100 - 1
