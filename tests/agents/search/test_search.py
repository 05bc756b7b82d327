from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

import agents
from agents import Episode, SearchResult
from agents.search.episode_log import EpisodeLog
from agents.search.problem import make_problem
from agents.strategies import STRATEGIES, Ddpg, make_strategy
from amc.compression.group_features import SHARES, GroupFeatures
from amc.cost.budget import Budgets
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.scoring.score import Score
from amc.scoring.scorer import PolicyScorer
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from envs import Outcome
from envs.rewards import REWARDS
from tests.problems import chain
from tests.small_network import small_resnet

SIZES = SplitSizes(calibration=30, reward=40, test=20)
FAST = TaskOptions(recovery="none", search_recovery="none")


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(small_resnet(), load_data("digits", sizes=SIZES), ["macs=0.3"], FAST)


@pytest.fixture(scope="module")
def free() -> Task:
    return Task(small_resnet(), load_data("digits", sizes=SIZES), [], FAST)


def without_network(*budgets: str) -> Task:
    """What a search asks of a task, without a network behind it."""
    graph = chain((16, 24, 16), residual=False, round_to=None, max_sparsity=0.8)
    known = np.full((3, 3), 0.25)
    parts: dict[str, Any] = {
        "graph": graph,
        "budgets": Budgets(graph, budgets),
        "group_features": GroupFeatures(known, known, known, np.tile(SHARES, (3, 1))),
        "compressor": SimpleNamespace(importance=np.arange(56.0)),
    }
    return cast(Task, SimpleNamespace(**parts))


SCORER = PolicyScorer(lambda policies, _: (Score(float(kept_counts.sum() / 56)) for kept_counts in policies))


def policies(result: SearchResult) -> list[list[int]]:
    return [episode.kept_counts.tolist() for episode in result.episodes]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_search_returns_all_episodes_and_the_best(task: Task, strategy: str) -> None:
    heard: list[Episode] = []
    result = agents.search(task, episodes=12, strategy=strategy, on_episode=heard.append)
    assert heard == list(result.episodes)
    assert [episode.index for episode in heard] == list(range(len(heard)))
    assert result.best.reward == max(episode.reward for episode in heard if episode.outcome.within_budget)
    assert task.budgets.allows(result.best.kept_counts)
    score = task.scorer()
    for episode in heard:
        assert episode.reward == episode.outcome.value - 1
        assert episode.outcome.value == score(episode.kept_counts)
        assert (episode.outcome.budget_use <= 1) == episode.outcome.within_budget


@pytest.mark.parametrize("strategy", ["ddpg", "random"])
def test_the_seed_decides(task: Task, strategy: str) -> None:
    one, same, other = (policies(agents.search(task, episodes=9, seed=seed, strategy=strategy)) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_the_first_policy_of_a_search_is_the_uniform_one(task: Task) -> None:
    uniform = agents.search(task, episodes=3, strategy="uniform").best.kept_counts
    assert agents.search(task, episodes=1, strategy="ddpg").best.kept_counts.tolist() == uniform.tolist()
    assert uniform.tolist() == task.budgets.scale(np.ones(len(task.graph.groups))).tolist()


@pytest.mark.parametrize("reward", [name for name, reward in REWARDS.items() if not reward.needs_latency])
def test_every_reward_can_be_searched_with(task: Task, free: Task, reward: str) -> None:
    where = task if REWARDS[reward].needs_budget else free
    result = agents.search(where, episodes=3, strategy="random", reward=reward)
    score = where.scorer()
    problem = make_problem(where, score, reward)
    for episode in result.episodes:
        assert episode.reward == problem.reward(episode.kept_counts, score(episode.kept_counts))


def test_without_a_budget_policies_of_all_sizes_are_tried(free: Task) -> None:
    result = agents.search(free, episodes=12, strategy="random", reward="error_log_macs")
    macs = [episode.outcome.macs for episode in result.episodes]
    assert max(macs) > 3 * min(macs)


@pytest.mark.parametrize(
    ("budgets", "reward", "observation", "message"),
    [
        (["macs=0.5"], "eror", "scale_free", "unknown reward 'eror'; did you mean error"),
        (["macs=0.5"], "error", "papers", "unknown observation set 'papers'; did you mean paper"),
        ([], "error", "scale_free", "reward error needs a budget such as macs=0.5"),
        ([], "mnasnet", "paper", "reward mnasnet needs a budget such as macs=0.5"),
        (["macs=0.5"], "error_log_macs", "paper", "weighs accuracy against cost by itself; leave the budget out"),
    ],
)
def test_what_does_not_go_together_is_told(budgets: list[str], reward: str, observation: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        make_problem(without_network(*budgets), SCORER, reward, observation)
    assert message in str(raised.value)


def test_known_names_pass() -> None:
    problem = make_problem(without_network(), SCORER, "error_log_params", "paper")
    assert problem.observation_name == "paper"


def test_unknown_strategies_and_settings_are_told() -> None:
    with pytest.raises(UserError, match=r"unknown strategy 'annealing'; there are cma-es, cp, ddpg, deep, evolution,"):
        make_strategy("annealing")
    with pytest.raises(UserError, match=r"unknown settings 'ours'; there are paper, tuned"):
        make_strategy("ddpg", "ours")


def test_the_environment_knows_what_the_task_knows_of_the_weights() -> None:
    problem = make_problem(without_network("macs=0.5"), SCORER)
    assert problem.importance.tolist() == list(range(56))
    features = dict(zip(problem.observation.names, problem.begin().observe().tolist(), strict=True))
    assert (features["hint_0"], features["hint_1"]) == (0.25, 0.25)


def test_the_agent_is_there_once_it_has_searched(task: Task) -> None:
    strategy = make_strategy("ddpg", "paper")
    assert isinstance(strategy, Ddpg)
    assert strategy.agent is None
    strategy.search(make_problem(task, task.scorer(), observation="paper"), 3, 0, lambda _: None)
    assert strategy.agent is not None
    assert strategy.agent.num_timesteps == 3 * len(task.graph.groups)
    assert isinstance(strategy.agent.actor, torch.nn.Module)


def episode(index: int, reward: float) -> Episode:
    return Episode(index, np.array([1]), reward, Outcome(0.5, 1, 1, 1.0))


def test_the_best_is_the_first_of_equal_ones() -> None:
    heard: list[tuple[str, int]] = []
    noted = EpisodeLog(lambda e: heard.append(("one", e.index)), lambda e: heard.append(("two", e.index)))
    assert noted.best is None
    for index, reward in enumerate((-3.0, -1.0, -2.0, -1.0)):
        noted(episode(index, reward))
    assert noted.best is not None
    assert noted.best.index == 1
    assert len(noted.episodes) == 4
    assert heard[:3] == [("one", 0), ("two", 0), ("one", 1)]


def test_what_was_scored_is_kept_when_a_search_is_interrupted(task: Task) -> None:
    def stop(episode: Episode) -> None:
        if episode.index == 2:
            raise KeyboardInterrupt

    noted = EpisodeLog(stop)
    with pytest.raises(KeyboardInterrupt):
        make_strategy("ddpg").search(make_problem(task, task.scorer()), 50, 0, noted)
    assert [episode.index for episode in noted.episodes] == [0, 1, 2]
