"""Stable-Baselines3's algorithms as strategies: they learn, in rounds too, and honour what they are given."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger

from agents.episode import Episode, Past
from agents.round_vec_env import RoundVecEnv
from agents.sb3 import ALGORITHMS, StableBaselines
from agents.strategies import make_strategy
from amc.cost.budget import Budgets
from amc.graph import KeptCounts
from amc.scoring.score import Score
from amc.utils.errors import UserError
from envs import ChannelPruningEnv, PruningProblem
from tests.problems import chain

WIDTHS = np.array([16, 24, 16, 32])
WEIGHTS = np.array([1.0, 0.3, 3.0, 0.5])


def accuracy(kept_counts: KeptCounts) -> float:
    """Every channel of a group is worth less than the one before, and groups matter unequally."""
    return float(WEIGHTS @ np.sqrt(kept_counts / WIDTHS) / WEIGHTS.sum())


class Scorer:
    """Scores policies together, and notes how many were asked for at once and whether bad ones may be estimated."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bool]] = []

    def __call__(self, policies: Sequence[KeptCounts], *, race: bool, before: int) -> Iterable[Score]:
        del before
        self.asked.append((len(policies), race))
        return [Score(accuracy(kept_counts)) for kept_counts in policies]


def pruning_problem(**options: Any) -> PruningProblem:
    graph = chain(tuple(WIDTHS.tolist()), residual=False, round_to=4, max_sparsity=0.8)
    return PruningProblem(Budgets(graph, ["macs=0.5"]), accuracy, **options)


def search(strategy: StableBaselines, episodes: int, seed: int = 0, **options: Any) -> list[Episode]:
    seen: list[Episode] = []
    strategy.search(pruning_problem(**options), episodes, seed, seen.append)
    return seen


@pytest.mark.parametrize(
    ("algorithm", "episodes", "round_size"),
    [(SAC, 100, 4), (TD3, 100, 1), (PPO, 300, 4)],
    ids=["SAC", "TD3", "PPO"],
)
def test_it_learns(algorithm: Any, episodes: int, round_size: int) -> None:
    problem = pruning_problem()
    policies = map(np.array, itertools.product(*(group.choices for group in problem.graph.groups)))
    best = max(accuracy(kept_counts) for kept_counts in policies if problem.budgets.allows(kept_counts))
    uniform = accuracy(problem.budgets.scale(np.ones(4)))
    found = [episode.outcome.accuracy for episode in search(StableBaselines(algorithm, round_size), episodes)]
    assert len(found) == episodes
    assert np.mean(found[:25]) < uniform < np.mean(found[-25:])  # the policies themselves became good
    assert max(found) > uniform + 0.9 * (best - uniform)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_rounds_are_scored_together_and_the_last_one_is_cut_short(name: str) -> None:
    scorer = Scorer()
    seen = search(StableBaselines(ALGORITHMS[name], round_size=4), 10, accuracies=scorer)
    assert scorer.asked == [(4, True), (4, True), (2, True)]
    assert [episode.index for episode in seen] == list(range(10))
    assert all(episode.outcome.within_budget for episode in seen)
    assert all(episode.reward == accuracy(episode.kept_counts) - 1 for episode in seen)


@pytest.mark.parametrize("round_size", [1, 3])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_search_that_is_given_more_episodes_goes_on_from_those_before(name: str, round_size: int) -> None:
    """Whose policies it must choose again: exploration follows the number of episodes that it was begun with."""
    algorithm = ALGORITHMS[name]
    begun = search(StableBaselines(algorithm, round_size), 12)
    new: list[Episode] = []
    StableBaselines(algorithm, round_size).search(pruning_problem(), 20, 0, new.append, Past(tuple(begun), {}, 12))
    assert [episode.index for episode in new] == list(range(12, 20))


def test_a_reward_that_weighs_cost_is_not_raced_for() -> None:
    scorer = Scorer()
    search(StableBaselines(SAC), 2, accuracies=scorer, reward="mnasnet")
    assert scorer.asked == [(1, False), (1, False)]


class StopAfter(BaseCallback):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def _on_step(self) -> bool:
        self.left -= 1
        return self.left > 0


class Writer(KVWriter):
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], *_: object) -> None:
        self.rows.append(dict(key_values))


@pytest.mark.parametrize("algorithm", [PPO, SAC])
def test_a_callback_can_end_the_search(algorithm: Any) -> None:
    assert len(search(StableBaselines(algorithm, round_size=2, callback=StopAfter(3 * 4)), 40)) == 3 * 2


@pytest.mark.parametrize("algorithm", [PPO, SAC])
def test_a_logger_gets_rewards_and_losses(algorithm: Any) -> None:
    writer = Writer()
    seen = search(StableBaselines(algorithm, logger=Logger(None, [writer])), 24)
    logged = {name for row in writer.rows for name in row}
    assert {"rollout/ep_rew_mean", "rollout/ep_len_mean", "train/n_updates"} <= logged
    assert "train/n_updates" not in seen[0].details
    assert seen[-1].details["train/n_updates"] > 0


def test_settings_replace_the_default_ones() -> None:
    strategy = StableBaselines(SAC, gamma=0.9, batch_size=7)
    search(strategy, 2)
    assert isinstance(strategy.agent, SAC)
    assert (strategy.agent.gamma, strategy.agent.batch_size) == (0.9, 7)


def test_a_round_is_what_its_environments_do_one_by_one() -> None:
    problem = pruning_problem()
    actions = np.random.default_rng(0).uniform(-1, 1, (4, 3, 1)).astype(np.float32)
    policies: list[list[int]] = []

    def score(found: Sequence[KeptCounts]) -> list[Episode]:
        policies.extend(kept_counts.tolist() for kept_counts in found)
        return [Episode(i, kept_counts, *problem.score(kept_counts)) for i, kept_counts in enumerate(found)]

    together = RoundVecEnv(problem, 3, score)
    assert together.action_space == spaces.Box(-1.0, 1.0, (1,), np.float32)
    begin = np.asarray(together.reset())
    steps = [together.step(action) for action in actions]
    for place in range(3):
        env = ChannelPruningEnv(problem)
        observation, _ = env.reset()
        np.testing.assert_array_equal(begin[place], observation)
        for number, (observations, rewards, dones, infos) in enumerate(steps):
            observation, reward, terminated, _, info = env.step((actions[number, place] + 1) / 2)
            assert dones[place] == terminated == (number == 3)
            assert rewards[place] == pytest.approx(reward)
            assert infos[place]["sparsity"] == info["sparsity"]
            seen = infos[place]["terminal_observation"] if terminated else np.asarray(observations)[place]
            np.testing.assert_array_equal(seen, observation)
        np.testing.assert_array_equal(np.asarray(observations)[place], env.reset()[0])  # the next episode has begun
        assert policies[place] == info["kept_counts"].tolist()
        assert infos[place]["outcome"] == info["outcome"]


@pytest.mark.parametrize("name", ["QRDQN", "SACK", "sac", ""])
def test_what_is_no_algorithm_with_continuous_actions_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(UserError, match=rf"Stable-Baselines3, A2C, DDPG, DQN, PPO, SAC, TD3; got '{name}'"):
        make_strategy(f"sb3:{name}")


def test_q_learning_chooses_from_a_few_sparsities_that_reach_from_none_to_all() -> None:
    chosen: list[list[int]] = []

    def noted(policies: Sequence[KeptCounts]) -> list[Episode]:
        chosen.extend(each.tolist() for each in policies)
        return []

    env = RoundVecEnv(pruning_problem(), 1, noted, 11)
    assert env.action_space == spaces.Discrete(11)
    for action in (0, 5, 10):
        env.reset()
        for _ in WIDTHS:
            env.step(np.array([action]))
    problem = pruning_problem()
    by_share = [problem.rollout(lambda *_, share=share: share).kept_counts.tolist() for share in (0.0, 0.5, 1.0)]
    assert chosen == by_share
