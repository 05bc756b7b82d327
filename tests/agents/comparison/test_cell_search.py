import dataclasses

import numpy as np
import pytest

import amc
from agents.comparison.cell_search import HalvedImages, halved, search_cell
from agents.comparison.grid import Grid
from agents.final_result import ScoredPolicy
from agents.report.strategies.cell import Cell
from agents.rules import Rule
from agents.search import final
from agents.strategy import Scores
from amc.data.splits import SplitSizes
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import NothingFoundError
from envs import PruningProblem
from tests.small_network import small_resnet


@pytest.fixture(scope="module")
def images() -> HalvedImages:
    return halved(amc.load_data("digits", sizes=SplitSizes(calibration=40, reward=80, test=40)), seed=1)


@pytest.fixture(scope="module")
def task(images: HalvedImages) -> Task:
    options = TaskOptions(recovery="statistics", search_recovery="none", seed=1)
    return Task(small_resnet(), images.splits, ["macs=0.5"], options)


@pytest.fixture(scope="module")
def cell(task: Task, images: HalvedImages) -> Cell:
    grid = Grid(["random"], ["macs=0.5"], [1], episodes=11)
    (key,) = grid.keys(1)
    return search_cell(key, task, images, grid.plan(key))


def test_the_search_sees_one_half_alone(cell: Cell, task: Task, images: HalvedImages) -> None:
    assert (len(task.splits.reward), len(images.judge)) == (40, 40)
    network, _ = task.compact(np.array(cell.kept_counts))
    assert cell.found.searched == task.accuracy(network, task.splits.reward)
    assert cell.found.judged == task.accuracy(network, images.judge)
    assert cell.found.test == task.accuracy(network, task.splits.test)
    assert cell.original.judged == task.accuracy(task.model, images.judge)


def test_what_is_best_only_rises_and_is_judged_at_powers_of_two(cell: Cell) -> None:
    assert [each.evaluations for each in cell.judged] == [1, 2, 4, 8, 11]
    evaluations = [each.evaluations for each in cell.best_so_far]
    assert evaluations == sorted(set(evaluations))
    seconds = [each.seconds for each in cell.judged]
    assert 0 < seconds[0] < seconds[-1] <= cell.seconds
    assert cell.evaluations == 11


def test_a_policy_that_stays_the_best_keeps_its_score(cell: Cell) -> None:
    changes = {each.evaluations for each in cell.best_so_far}
    for before, after in zip(cell.judged, cell.judged[1:], strict=False):
        if not changes & set(range(before.evaluations + 1, after.evaluations + 1)):
            assert before.score == after.score


def test_nothing_is_judged_before_there_is_a_policy_within_the_budget(task: Task, images: HalvedImages) -> None:
    grid = Grid(["sensitivity"], ["macs=0.5"], [1], episodes=12)
    (key,) = grid.keys(1)
    found = search_cell(key, task, images, grid.plan(key))
    assert found.judged[0].evaluations == found.best_so_far[0].evaluations > 1
    assert found.left["macs"] <= 0.5


class Whole(Rule):
    """Scores what exceeds every budget."""

    def follow(self, problem: PruningProblem, _: int, score: Scores) -> None:
        score(problem.graph.full)


def test_a_strategy_that_scores_nothing_within_the_budget_is_told_of(task: Task, images: HalvedImages) -> None:
    grid = Grid([lambda *_: Whole()], ["macs=0.5"], [1], episodes=2)
    (key,) = grid.keys(1)
    with pytest.raises(NothingFoundError, match="none of the policies"):
        search_cell(key, task, images, grid.plan(key))


def test_networks_are_compared_before_any_is_trained(images: HalvedImages, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the uniform one is not: the policy that is found here is the same."""
    options = TaskOptions(recovery="blockwise", search_recovery="none", seed=1)
    task = Task(small_resnet(), images.splits, ["macs=0.5"], options)

    def trained(_: Task, policy: ScoredPolicy, __: object) -> ScoredPolicy:
        return dataclasses.replace(policy, network=task.model, reward_accuracy=2.0)

    monkeypatch.setattr(final, "trained", trained)
    grid = Grid(["uniform"], ["macs=0.5"], [1], episodes=1)
    (key,) = grid.keys(1)
    found = search_cell(key, task, images, grid.plan(key))
    assert found.found == found.uniform
