from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from agents import search
from agents.result import Episode
from agents.search import check_reward, make_env
from amc.budget import Budgets
from amc.errors import UserError
from amc.task import Task
from tests.problems import chain


def task(*budgets: str) -> Task:
    """What a search asks of a task, without a network behind it."""
    graph = chain((16, 24, 16), residual=False, round_to=None, max_sparsity=0.8)
    parts: dict[str, Any] = {
        "graph": graph,
        "budgets": Budgets(graph, budgets),
        "score": lambda keeps: float(keeps.sum() / 56),
        "hints": np.full((3, 2), 0.25),
    }
    return cast(Task, SimpleNamespace(**parts))


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
        make_env(task(*budgets), reward, observation)
    assert message in str(raised.value)


def test_known_names_pass() -> None:
    check_reward("error_log_params", "paper")
    env = make_env(task(), "error_log_params", "paper")
    assert env.observation_name == "paper"


def test_the_agent_sees_the_hints_of_the_task() -> None:
    env = make_env(task("macs=0.5"))
    features = dict(zip(env.observation.names, env.reset()[0].tolist(), strict=True))
    assert (features["hint_0"], features["hint_1"]) == (0.25, 0.25)


@pytest.mark.parametrize("strategy", ["ddpg", "random", "uniform"])
def test_a_search_returns_the_best_of_its_episodes_and_repeats_itself(strategy: str) -> None:
    told: list[Episode] = []
    result = search(task("macs=0.5"), episodes=5, seed=2, strategy=strategy, on_episode=told.append)
    assert list(result.episodes) == told
    assert len(told) == (1 if strategy == "uniform" else 5)
    assert result.best.reward == max(episode.reward for episode in told)
    again = search(task("macs=0.5"), episodes=5, seed=2, strategy=strategy)
    assert [e.keeps.tolist() for e in again.episodes] == [e.keeps.tolist() for e in told]
