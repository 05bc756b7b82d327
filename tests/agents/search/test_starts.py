"""Searches that begin from the policy of a rule, or from one that was found before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import agents
from agents.episode import Episode
from agents.search.plan import SearchPlan
from agents.search.stages import Stages
from agents.search.starts import find_start
from agents.strategies import make_strategy
from agents.strategy import NO_PAST
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from scripts import train
from tests.command import fail
from tests.small_network import small_resnet


@pytest.fixture(scope="module")
def task() -> Task:
    splits = load_data("digits", sizes=SplitSizes(calibration=40, reward=40, test=30))
    options = TaskOptions(recovery="none", search_recovery="none")
    return Task(small_resnet(), splits, ["macs=0.3"], options)


def searched(task: Task, strategy: str, start: str, episodes: int = 3) -> list[Episode]:
    found: list[Episode] = []
    plan = SearchPlan(lambda _: make_strategy(strategy), episodes, start=find_start(start))
    with Stages(task, plan) as stages:
        stages.search(found.append, NO_PAST)
    return found


@pytest.mark.parametrize("strategy", ["ddpg", "random", "evolution", "cma-es", "swaps"])
def test_a_search_begins_with_the_policy_of_a_rule(task: Task, strategy: str) -> None:
    rule = agents.search(task, episodes=1, strategy="deep").best.kept_counts
    first, *others = searched(task, strategy, "deep")
    assert first.kept_counts.tolist() == rule.tolist()
    assert len(others) == 2


def test_a_search_begins_with_what_a_run_found_scaled_to_its_own_budget(task: Task, tmp_path: Path) -> None:
    agents.search(task, episodes=4, strategy="random", folder=tmp_path / "run")
    kept = [len(group["kept"]) for group in json.loads((tmp_path / "run" / "policy.json").read_text())["groups"]]
    same, *_ = searched(task, "swaps", str(tmp_path / "run"))
    assert same.kept_counts.tolist() == kept
    halved = task.with_budgets(["macs=0.15"])
    first, *_ = searched(halved, "swaps", str(tmp_path / "run" / "policy.json"))
    assert halved.budgets.allows(first.kept_counts)
    assert first.kept_counts.tolist() == halved.budgets.scale(np.array(kept) / task.graph.full).tolist()


def test_a_strategy_that_begins_by_itself_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    words = ("--model", "no_such_network", "--strategy", "greedy", "--start-from", "deep")
    message = fail(train, *words, "--run-dir", tmp_path / "run")
    assert "--strategy greedy begins with policies of its own; leave --start-from out" in message


def test_what_can_not_be_begun_from_is_one_line(task: Task, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"expected uniform, .*, a run folder or a policy.json to start from, got 'dep'"
    ):
        find_start("dep")
    with pytest.raises(UserError, match="does not begin from a policy that is given"):
        searched(task, "greedy", "deep", episodes=40)
    agents.search(task, episodes=1, strategy="uniform", folder=tmp_path / "run")
    other = Task(task.model, task.splits, ["macs=0.6"], TaskOptions(freeze="stem", search_recovery="none"))
    with pytest.raises(UserError, match="is of other groups than this network has"):
        searched(other, "swaps", str(tmp_path / "run"))
