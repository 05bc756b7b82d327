import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from agents.episode import Episode
from agents.search.final import final_result, make_policy, score_on_test
from agents.search.finalists import FINALISTS, networks_made
from agents.search.invocation import Invocation
from agents.search.problem import make_problem
from agents.search.stage import Stage
from agents.strategies import make_strategy
from amc.cost.costs import COSTS
from amc.data.load import Splits, load_data
from amc.data.splits import SplitSizes
from amc.graph import KeptCounts
from amc.scoring.image_scores import ImageScores
from amc.scoring.score import Score
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.defaults import CLOSED_FORMS
from envs import PruningProblem
from tests.small_network import small_resnet


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return small_resnet()


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_data("digits", sizes=SplitSizes(calibration=40, reward=60, test=50))


@pytest.fixture
def task(model: nn.Module, splits: Splits) -> Task:
    return Task(model, splits, ["macs=0.3"], options=TaskOptions(reward_images=10, search_recovery="both"))


def stage_of(task: Task, reward: str = "error") -> Stage:
    scorer = task.scorer()
    return Stage(0, task, scorer, make_problem(task, scorer, reward), make_strategy("random"))


def episodes(problem: PruningProblem, count: int) -> list[Episode]:
    """Policies whose rewards fall one by one."""
    rng = np.random.default_rng(0)
    found = []
    for index in range(count):
        kept_counts = problem.budgets.scale(np.exp(rng.normal(0, 0.4, len(problem.graph.groups))))
        found.append(
            Episode(index, kept_counts, -0.1 * (index + 1), problem.outcome(kept_counts, 1 - 0.1 * (index + 1)))
        )
    return found


def with_scores(monkeypatch: pytest.MonkeyPatch, scores: dict[bytes, float]) -> list[bytes]:
    """Let networks of known keeps have these scores on all reward images; the returned list notes who was asked for."""
    asked: list[bytes] = []

    def compact(kept_counts: KeptCounts) -> tuple[nn.Module, Any]:
        asked.append(kept_counts.tobytes())
        network = nn.Linear(1, 1)
        network.register_buffer("score", torch.tensor(scores.get(kept_counts.tobytes(), 0.0), dtype=torch.float64))
        return network, None

    monkeypatch.setattr(Task, "compact", lambda _, kept_counts, *__, **___: compact(kept_counts))
    monkeypatch.setattr(Task, "reward_score", lambda _, network: Score(float(network.score)))
    return asked


def test_a_policy_that_is_found_and_uniform_is_made_once(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(task)
    uniform = task.budgets.uniform
    asked, told = with_scores(monkeypatch, {uniform.tobytes(): 0.5}), list[str]()
    found = Episode(0, uniform, -0.5, stage.problem.outcome(uniform, 0.5))
    result = final_result(stage, [found], 1.0, tell=told.append)
    assert asked == [uniform.tobytes()] * len(CLOSED_FORMS)
    assert result.policy is result.uniform
    assert (result.recovery, result.recovery_scores) == ("asymmetric", {"asymmetric": 0.5, "both": 0.5})
    monkeypatch.setattr(
        Task, "image_scores", lambda _, network, __: ImageScores(float(hasattr(network, "score")), None)
    )
    on_test = score_on_test(task, result, told.append)
    assert (on_test.original, on_test.uniform, on_test.policy) == (0.0, 1.0, 1.0)
    assert told == [
        "making the best with asymmetric recovery",
        "making the best with both recovery",
        "scoring on the test images: the original",
        "scoring on the test images: the uniform policy",
    ]


def test_test_images_that_are_not_finite_are_told_and_the_result_is_kept(
    task: Task, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = stage_of(task)
    with_scores(monkeypatch, {})
    result = final_result(stage, episodes(stage.problem, 1), 1.0)
    for are_finite in (True, False):
        scores = ImageScores(0.5, None, are_finite)
        monkeypatch.setattr(Task, "image_scores", lambda *_, scores=scores: scores)
        assert score_on_test(task, result).policy == 0.5
        warning = capsys.readouterr().err
        assert ("warning: the test images have numbers that are not finite" in warning) != are_finite
        assert warning.count("\n") == (not are_finite)


def test_what_is_kept_is_made_by_the_closed_form_that_is_best_for_the_best_policy(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_of(task)
    found = episodes(stage.problem, 3)
    asked: list[tuple[list[int], str]] = []
    compact = Task.compact

    def noted(self: Task, kept_counts: KeptCounts, recovery: str) -> Any:
        asked.append((kept_counts.tolist(), recovery))
        return compact(self, kept_counts, recovery)

    monkeypatch.setattr(Task, "compact", noted)
    told: list[str] = []
    result = final_result(stage, found[::-1], 1.0, zero_shot=True, tell=told.append)
    assert asked[: len(CLOSED_FORMS)] == [(found[0].kept_counts.tolist(), name) for name in CLOSED_FORMS]
    expected = {
        name: task.accuracy(compact(task, found[0].kept_counts, name)[0], task.splits.reward) for name in CLOSED_FORMS
    }
    assert result.recovery_scores == expected
    assert expected[result.recovery] == max(expected.values())
    others = [recovery for _, recovery in asked[len(CLOSED_FORMS) :]]
    assert others == [result.recovery] * 3  # two finalists and the uniform policy
    assert len(told) == len(asked) == networks_made(stage, found)


def test_what_is_lost_is_that_of_the_policy_that_is_kept(model: nn.Module, splits: Splits) -> None:
    """Whatever is made after it."""
    options = TaskOptions(recovery="asymmetric", search_recovery="both")
    here, fresh, other = (Task(model, splits, ["macs=0.3"], options) for _ in range(3))
    stage = stage_of(here)
    result = final_result(stage, episodes(stage.problem, 3)[::-1], 1.0)
    fresh.compact(result.policy.kept_counts)
    other.compact(result.uniform.kept_counts)
    assert result.policy.lost is not None
    assert result.policy.lost == fresh.compressor.lost
    assert result.uniform.lost == other.compressor.lost != result.policy.lost


def test_a_recovery_that_the_user_chose_is_compared_with_none(model: nn.Module, splits: Splits) -> None:
    task = Task(model, splits, ["macs=0.3"], options=TaskOptions(recovery="statistics"))
    stage, told = stage_of(task), list[str]()
    found = episodes(stage.problem, 2)
    result = final_result(stage, found, 1.0, tell=told.append)
    assert (result.recovery, result.recovery_scores) == ("statistics", {})
    assert told[0] == "making the best 2 again, with statistics recovery: 1 of 2"
    assert len(told) == networks_made(stage, found)


def test_of_the_best_on_a_part_the_best_on_all_wins(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(task)
    problem = stage.problem
    found = episodes(problem, FINALISTS + 2)
    scores = {episode.kept_counts.tobytes(): 0.1 * episode.index for episode in found}
    asked = with_scores(monkeypatch, scores)
    result = final_result(stage, found, 1.0)
    finalists = [(each.episode, each.search_accuracy, each.is_kept) for each in result.finalists]
    assert finalists == [(index, found[index].outcome.accuracy, index == FINALISTS - 1) for index in range(FINALISTS)]
    assert [each.reward_accuracy for each in result.finalists] == [0.1 * index for index in range(FINALISTS)]
    winner = found[FINALISTS - 1]  # later ones would have scored more, but were not among the best of the search
    assert result.policy.kept_counts.tolist() == winner.kept_counts.tolist()
    assert set(asked) <= {episode.kept_counts.tobytes() for episode in found[:FINALISTS]} | {
        result.uniform.kept_counts.tobytes()
    }


def test_where_the_search_saw_all_images_its_best_wins(
    model: nn.Module, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(model, splits, ["macs=0.3"], options=TaskOptions(recovery="both", search_recovery="both"))
    stage = stage_of(task)
    problem = stage.problem
    found = episodes(problem, 4)
    with_scores(monkeypatch, {episode.kept_counts.tobytes(): 0.1 * episode.index for episode in found})
    assert final_result(stage, found[::-1], 1.0).policy.kept_counts.tolist() == found[0].kept_counts.tolist()


def test_what_exceeds_the_budget_is_no_finalist(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(task)
    problem = stage.problem
    within = episodes(problem, 1)
    over = Episode(1, problem.graph.full, 0.0, problem.outcome(problem.graph.full, 1.0))
    asked = with_scores(monkeypatch, {})
    assert final_result(stage, [*within, over], 1.0).policy.kept_counts.tolist() == within[0].kept_counts.tolist()
    assert over.kept_counts.tobytes() not in asked


def test_the_same_policy_is_one_finalist(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(task)
    problem = stage.problem
    best, other = episodes(problem, 2)
    found = [*(dataclasses.replace(best, index=index) for index in range(FINALISTS)), other]
    with_scores(monkeypatch, {best.kept_counts.tobytes(): 0.2, other.kept_counts.tobytes(): 0.9})
    result = final_result(stage, found, 1.0)
    assert result.policy.kept_counts.tolist() == other.kept_counts.tolist()
    assert [each.episode for each in result.finalists] == [0, other.index]


def test_the_reward_chooses_and_not_the_accuracy(
    model: nn.Module, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(model, splits, [], options=TaskOptions(reward_images=10))
    stage = stage_of(task, "error_log_macs")
    problem = stage.problem
    small, large = task.graph.least, task.graph.full
    found = [
        Episode(index, kept_counts, 0.0, problem.outcome(kept_counts, 0.5))
        for index, kept_counts in enumerate((small, large))
    ]
    with_scores(monkeypatch, {small.tobytes(): 0.50, large.tobytes(): 0.52})
    assert final_result(stage, found, 1.0).policy.kept_counts.tolist() == small.tolist()


def test_finalists_are_compared_by_the_score_and_not_the_accuracy(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(task)
    best, other = episodes(stage.problem, 2)
    with_scores(monkeypatch, {best.kept_counts.tobytes(): 0.8, other.kept_counts.tobytes(): 0.7})
    likeness = {0.8: 0.3, 0.7: 0.4}
    monkeypatch.setattr(
        Task,
        "reward_score",
        lambda _, network: Score(likeness.get(float(network.score), 0.0), accuracy=float(network.score)),
    )
    result = final_result(stage, [best, other], 1.0)
    assert result.policy.kept_counts.tolist() == other.kept_counts.tolist()
    assert (result.policy.reward_accuracy, result.policy.reward_score) == (0.7, 0.4)


def test_test_images_are_read_at_the_end_and_only_for_the_three_networks(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_of(task)
    problem = stage.problem
    read: list[bool] = []
    image_scores = Task.image_scores

    def noted(self: Task, network: nn.Module, images: Any) -> ImageScores:
        read.append(images is self.splits.test)
        return image_scores(self, network, images)

    monkeypatch.setattr(Task, "image_scores", noted)
    result = final_result(stage, episodes(problem, 3), 1.0)
    assert not any(read)
    on_test = score_on_test(task, result)
    assert sum(read) == 3
    networks = (task.model, result.uniform.network, result.policy.network)
    original, uniform, policy = (image_scores(task, network, task.splits.test) for network in networks)
    assert on_test[:4] == (original.value, uniform.value, None, policy.value)
    assert on_test.drop == original.drop_to(policy)
    assert on_test.difference_to_uniform == policy.drop_to(uniform)


def test_what_an_agent_did_before_it_learned_is_scored_beside_the_result(task: Task) -> None:
    stage = stage_of(task)
    problem = stage.problem
    found = episodes(problem, 3)
    result = final_result(stage, found, 1.0, zero_shot=True)
    assert result.zero_shot is not None
    assert result.zero_shot.kept_counts.tolist() == found[0].kept_counts.tolist()
    expected = task.accuracy(task.compact(found[0].kept_counts, result.recovery)[0], task.splits.reward)
    assert result.zero_shot.reward_accuracy == expected
    assert result.policy.reward_score is not None
    assert result.zero_shot.reward_score is not None
    assert result.policy.reward_score >= result.zero_shot.reward_score
    assert score_on_test(task, result).zero_shot == task.accuracy(result.zero_shot.network, task.splits.test)


@pytest.mark.parametrize("budgets", [["macs=0.3", "params=0.25"], []])
def test_the_uniform_policy_costs_what_the_found_one_may(model: nn.Module, splits: Splits, budgets: list[str]) -> None:
    task = Task(model, splits, budgets)
    stage = stage_of(task, "error" if budgets else "error_log_macs")
    problem = stage.problem
    kept_counts = task.budgets.scale(np.full(len(task.graph.groups), 0.6))
    result = final_result(stage, [Episode(0, kept_counts, 0.0, problem.outcome(kept_counts, 1.0))], 1.0)
    macs, params = (COSTS[kind](task.graph) for kind in ("macs", "params"))
    if budgets:
        assert macs(result.uniform.kept_counts) <= 0.3 * macs(task.graph.full)
        assert params(result.uniform.kept_counts) <= 0.25 * params(task.graph.full)
    else:
        assert 0.9 * macs(kept_counts) < macs(result.uniform.kept_counts) <= macs(kept_counts)
    shares = result.uniform.kept_counts / task.graph.full
    assert shares.max() - shares.min() < 0.25  # the steps left over go to the first groups


def test_the_policy_file_holds_what_was_found(task: Task) -> None:
    stage = stage_of(task)
    problem = stage.problem
    result = final_result(stage, episodes(problem, 2), 1.0)
    policy = make_policy(task, result.policy, 1.0, Invocation("digits_resnet", "random"), seed=7)
    assert (policy.model, policy.strategy, policy.seed, policy.budget) == ("digits_resnet", "random", 7, ("macs=0.3",))
    assert policy.fingerprint == task.graph.fingerprint
    assert [len(group.kept) for group in policy.groups] == result.policy.kept_counts.tolist()
    assert policy.accuracy == task.accuracy(result.policy.network, task.splits.reward)
    assert set(policy.versions) == {"python", "torch", "stable-baselines3", "gymnasium", "numpy"}
