"""A search from Python, and the command that does the same."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import agents
import amc
from agents.episode import Past
from agents.report.run_record import read_record
from agents.rules import OnePolicy
from agents.search.saving_time import SavingTime
from agents.strategy import NO_PAST, OnEpisode, Scores, Strategy
from amc.artifacts.policy import read_policy
from amc.data.splits import SplitSizes
from amc.recovery.recoveries import RECOVERIES
from amc.utils.errors import NothingFoundError, UserError
from envs import PruningProblem
from scripts import evaluate, train
from tests.command import fail, succeed
from tests.small_network import NAME, SMALL, small_resnet

SIZES = SplitSizes(calibration=40, reward=60, test=50)
FAST = ("--recovery", "none", "--search-recovery", "none")
SPLITS = ("--calibration-images", "40", "--reward-split", "60", "--test-images", "50")


def searched(seed: int = 3, folder: Path | None = None) -> agents.SearchResult:
    splits = amc.load_data("digits", sizes=SIZES, seed=seed)
    options = amc.TaskOptions(seed=seed, recovery="none", search_recovery="none", name=NAME)
    task = amc.Task(small_resnet(), splits, ["macs=0.3"], options)
    return agents.search(task, episodes=6, seed=seed, folder=folder)


def test_python_and_the_command_find_the_same_and_leave_the_same_files(tmp_path: Path) -> None:
    command, saved, written = (tmp_path / name for name in ("command", "saved", "written"))
    asked = (*SMALL, "--budget", "macs=0.3", "--episodes", "6", "--seed", "3", *FAST, *SPLITS)
    succeed(train, *asked, "--run-dir", command, "--quiet")
    result = searched()
    result.save(saved)
    searched(folder=written)
    for folder in (saved, written):
        assert (folder / "policy.json").read_bytes() == (command / "policy.json").read_bytes()
        assert (folder / "compact.safetensors").read_bytes() == (command / "compact.safetensors").read_bytes()
        assert {path.name.partition(".tfevents")[0] for path in folder.iterdir()} == {
            path.name.partition(".tfevents")[0] for path in command.iterdir()
        }
        theirs, ours = (json.loads((each / "summary.json").read_text()) for each in (command, folder))
        same = theirs.keys() - {"arguments", "wall_seconds", "search_seconds", "episodes_per_second"}
        assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
        assert len(read_record(folder).episodes) == 6
        assert NAME in (folder / "report.html").read_text(encoding="utf-8")


def test_what_was_saved_is_loaded_and_scored_again(tmp_path: Path) -> None:
    result = searched()
    result.save(tmp_path / "run")
    images = torch.randn(4, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(amc.load(tmp_path / "run")(images), result.network(images))
    assert read_policy(tmp_path / "run" / "policy.json").accuracy == result.final.policy.reward_accuracy
    with pytest.raises(UserError, match="is not empty"):
        result.save(tmp_path / "run")
    with pytest.raises(UserError, match="is not empty"):
        searched(folder=tmp_path / "run")


class Half(OnePolicy):
    """A strategy of the user's own."""

    def __init__(self) -> None:
        super().__init__(lambda problem: problem.budgets.uniform)


class Whole(Strategy):
    """A strategy of the user's own, which forgets the budget."""

    def search(
        self, problem: PruningProblem, episodes: int, seed: int, on_episode: OnEpisode, past: Past = NO_PAST
    ) -> None:
        del seed
        score = Scores(problem, on_episode, past)
        score.all([problem.graph.full] * episodes)


@pytest.mark.parametrize("asked", [{"budget": "macs=0.3"}, {"max_drop": 3}])
def test_a_strategy_that_scores_nothing_within_the_budget_finds_nothing(asked: dict[str, Any]) -> None:
    splits = amc.load_data("digits", sizes=SIZES)
    with pytest.raises(NothingFoundError, match="none of the policies that the strategy scored is within the budget"):
        amc.search(
            small_resnet(), splits, episodes=6, strategy=Whole(), recovery="none", search_recovery="none", **asked
        )


def test_what_no_command_can_go_on_with_is_not_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(SavingTime, "__call__", interrupt)
    assert searched(folder=tmp_path).interrupted
    told = capsys.readouterr().err
    assert "a second Ctrl-C leaves at once" in told
    assert "--resume" not in told


def interrupt(*_: object) -> None:
    """Press Ctrl-C."""
    raise KeyboardInterrupt


def test_what_is_given_as_an_object_is_recorded_by_its_name() -> None:
    options = amc.TaskOptions(metric=lambda *_: 0.25, recovery=RECOVERIES["none"], search_recovery=forgetful)
    splits = amc.load_data("digits", sizes=SIZES)
    task = amc.Task(small_resnet(), splits, ["macs=0.3"], options)
    result = agents.search(task, 1, strategy=Half(), reward=lambda outcome: 2 * outcome.accuracy)
    assert result.best.reward == 0.5
    recorded, here = result.summary["arguments"], __name__
    assert recorded["metric"].startswith(f"{here}.test_what_is_given")
    assert (recorded["strategy"], recorded["search_recovery"]) == (f"{here}.Half", f"{here}.forgetful")
    assert recorded["criterion"] == "auto"


def forgetful(*_: object) -> None:
    """Recover nothing."""


def test_a_command_says_what_it_needs_of_a_run_from_python(tmp_path: Path) -> None:
    result = searched(folder=tmp_path / "run")
    assert f"{result.on_test.policy:.2%}".replace("%", " %") in succeed(evaluate, "--run-dir", tmp_path / "run").out
    assert "was begun from Python" in fail(train, "--resume", tmp_path / "run", "--quiet")
