import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from amc.cost.budget import Budgets
from amc.utils.errors import UserError
from envs import Outcome, PruningProblem
from envs.rewards import REWARDS, Reward, find_reward
from tests.oracles import prepared

OUTCOME = Outcome(accuracy=0.9, macs=20_000, params=500, budget_use=0.8, latency=2.5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("error", -0.1),
        ("error_log_macs", -0.1 * math.log(20_000)),
        ("error_log_params", -0.1 * math.log(500)),
        ("error_log_latency", -0.1 * math.log(2500)),
        ("mnasnet", 0.9 * 0.8**-0.07),
    ],
)
def test_rewards_by_hand(name: str, expected: float) -> None:
    assert REWARDS[name].function(OUTCOME) == pytest.approx(expected)


@pytest.mark.parametrize("name", REWARDS)
def test_a_better_network_is_never_worth_less(name: str) -> None:
    function = REWARDS[name].function
    better = dataclasses.replace(OUTCOME, accuracy=0.95)
    smaller = Outcome(0.9, 10_000, 250, 0.4, latency=1.5)
    assert function(better) > function(OUTCOME)
    assert function(smaller) >= function(OUTCOME)


def test_every_reward_has_a_test_by_hand() -> None:
    assert set(REWARDS) == {"error", "error_log_macs", "error_log_params", "error_log_latency", "mnasnet"}
    assert [name for name, reward in REWARDS.items() if reward.needs_budget] == ["error", "mnasnet"]


MACS, PARAMS = 64 * 9 * 3 * 5 + 16 * 9 * 5 * 7 + 7 * 5, 5 * 27 + 2 * 5 + 7 * 45 + 2 * 7 + 7 * 5 + 5


@pytest.mark.parametrize(
    ("limits", "use"),
    [
        ((), 1.0),
        (("macs=20000", "params=900"), MACS / 20000),
        (("params=900", "macs=20000"), PARAMS / 900),
        (("macs=0.5",), MACS / (27708 / 2)),
    ],
)
def test_an_outcome_has_the_costs_of_the_network_and_the_use_of_the_first_budget(
    limits: tuple[str, ...], use: float
) -> None:
    _, graph = prepared("plain")
    problem = PruningProblem(Budgets(graph, limits), accuracy=lambda _: 0.0)
    outcome = problem.outcome(np.array([5, 7]), 0.25)
    assert (outcome.accuracy, outcome.macs, outcome.params) == (0.25, MACS, PARAMS)
    assert outcome.budget_use == pytest.approx(use)


def test_of_a_latency_budget_the_use_is_of_the_latency_that_was_measured() -> None:
    _, graph = prepared("plain")
    budgets = Budgets(
        graph, ["latency=4ms"], costs={"latency": lambda _: lambda kept_counts: float(kept_counts.sum()) / 10}
    )
    problem = PruningProblem(budgets, accuracy=lambda _: 0.0, latency=lambda kept_counts: float(kept_counts.sum()))
    outcome = problem.outcome(np.array([5, 7]), 0.25)
    assert (outcome.latency, outcome.budget_use, outcome.within_budget) == (12.0, 3.0, True)


OWN = """
from envs.rewards import Reward

def margin(outcome):
    return outcome.accuracy - 0.5

def lost(outcome):
    return float("nan")

def failing(outcome):
    return outcome.energy

alone = Reward(margin, needs_budget=False)
"""


def test_a_users_reward_is_a_function_or_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "own_reward.py").write_text(OWN)
    margin, alone = (find_reward(f"{tmp_path}/own_reward.py:{name}") for name in ("margin", "alone"))
    assert margin(OUTCOME) == alone(OUTCOME) == pytest.approx(0.4)
    assert (margin.needs_budget, margin.needs_latency, margin.weighs_cost) == (True, False, True)
    assert not alone.needs_budget
    assert find_reward(lambda outcome: outcome.params)(OUTCOME) == 500
    mine = Reward(lambda outcome: outcome.latency, needs_budget=True, needs_latency=True)
    assert find_reward(mine) is mine
    with pytest.raises(UserError, match=r"^reward .*own_reward.py:failing failed: AttributeError: .*energy"):
        find_reward(f"{tmp_path}/own_reward.py:failing")(OUTCOME)
    with pytest.raises(UserError, match=r"^reward .*own_reward.py:lost returned nan; a finite number is needed"):
        find_reward(f"{tmp_path}/own_reward.py:lost")(OUTCOME)


def test_a_problem_is_worth_what_the_users_reward_says() -> None:
    _, graph = prepared("plain")
    problem = PruningProblem(Budgets(graph, ()), accuracy=lambda _: 0.25, reward=lambda outcome: -outcome.params)
    assert problem.score(np.array([5, 7]))[0] == -PARAMS
