"""Searches that `--resume` gives another number of episodes than they were begun with."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from agents.checkpoint import latest_checkpoint
from agents.episode import Episode
from agents.search import final, finalists
from amc.artifacts.policy import read_policy
from amc.artifacts.run_folder import is_finished
from envs import PruningProblem
from scripts import apply, evaluate, train
from tests.command import call, fail, succeed, summary
from tests.small_network import SMALL

FAST = ("--recovery", "none", "--search-recovery", "none")
FEW = (*SMALL, "--calibration-images", "100", "--reward-split", "60", "--test-images", "60", *FAST)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search of 8 episodes that scores with fewer images than its end, so that there are finalists."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    succeed(train, *FEW, "--reward-images", "40", "--episodes", "8", "--run-dir", folder)
    return folder


@pytest.fixture
def run(short: Path, tmp_path: Path) -> Path:
    """A copy of the finished search, to go on with."""
    return shutil.copytree(short, tmp_path / "run")


def interrupt(monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> None:
    """Raise `error` in place of the score of number `at`."""
    outcome, calls = PruningProblem.outcome, 0

    def scored(problem: PruningProblem, *given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise error
        return outcome(problem, *given)

    monkeypatch.setattr(PruningProblem, "outcome", scored)


def episodes(folder: Path) -> tuple[Episode, ...]:
    return latest_checkpoint(folder)[0].past.episodes


def scored(folder: Path) -> list[tuple[list[int], float]]:
    return [(each.kept_counts.tolist(), each.reward) for each in episodes(folder)]


def test_a_finished_search_goes_on_to_more_episodes(short: Path, run: Path) -> None:
    done = succeed(train, "--resume", run, "--episodes", "14")
    note = "note: the search goes on from 8 episodes to 14 in all; it need not find what 14 from the start would\n"
    assert note in done.err
    assert len(scored(run)) == 14
    assert scored(run)[:8] == scored(short)
    after = summary(run)
    assert after["episodes"] == after["arguments"]["episodes"] == 14
    assert after["policy_score"] >= summary(short)["policy_score"]
    assert is_finished(run)
    assert "there is nothing to go on with, unless --episodes gives more" in fail(train, "--resume", run)


def test_the_default_number_is_a_number_that_was_given(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(monkeypatch, 2, KeyboardInterrupt())
    assert call(train, "--resume", run, "--episodes", "200", "--quiet").status == 130
    assert summary(run)["arguments"]["episodes"] == 200
    assert summary(run)["episodes"] == 9


def test_the_former_result_stays_until_a_new_one_replaces_it(
    short: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, 4, RuntimeError("out of memory"))
        with pytest.raises(RuntimeError, match="out of memory"):
            call(train, "--resume", run, "--episodes", "14", "--quiet")
    for name in ("policy.json", "compact.safetensors", "agent.zip", "summary.json", "report.html"):
        assert (run / name).read_bytes() == (short / name).read_bytes()
    assert not is_finished(run)
    assert f"{100 * summary(short)['test_accuracy_policy']:.2f} %" in succeed(evaluate, "--run-dir", run).out
    assert "go on with the run in it by --resume" in fail(train, "--run-dir", run)
    succeed(train, "--resume", run, "--quiet")
    assert summary(run)["episodes"] == 14
    uninterrupted = shutil.copytree(short, run.with_name("uninterrupted"))
    succeed(train, "--resume", uninterrupted, "--episodes", "14", "--quiet")
    assert (run / "policy.json").read_text() == (uninterrupted / "policy.json").read_text()


def test_the_former_policy_is_among_those_that_are_ranked_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [len(group.kept) for group in read_policy(run / "policy.json").groups]
    worse = next(each for each in episodes(run) if each.kept_counts.tolist() != kept)
    for module in (final, finalists):
        monkeypatch.setattr(module, "find_finalists", lambda *_: [worse])
    before = summary(run)["policy_accuracy"]
    succeed(train, "--resume", run, "--episodes", "9", "--quiet")
    assert len(summary(run)["finalists"]) == 2
    assert summary(run)["policy_accuracy"] >= before


def test_an_interrupted_search_may_be_given_more(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "interrupted"
    with monkeypatch.context() as patch:
        interrupt(patch, 5, SystemExit(143))
        words = (*FEW, "--reward-images", "40", "--episodes", "8", "--run-dir", folder, "--quiet")
        assert call(train, *words).status == 143
    assert "expected --episodes of 4 or more to go on with" in fail(train, "--resume", folder, "--episodes", "3")
    for each in (folder, run):
        succeed(train, "--resume", each, "--episodes", "12", "--quiet")
    assert scored(folder) == scored(run)


def test_fewer_than_are_done_are_refused(run: Path) -> None:
    for count in ("7", "8"):
        message = f"expected --episodes of 9 or more to go on with {run}, got {count}"
        assert message in fail(train, "--resume", run, "--episodes", count)
    assert is_finished(run)


@pytest.mark.parametrize("strategy", ["uniform", "sensitivity"])
def test_strategies_with_a_plan_say_to_begin_anew(tmp_path: Path, strategy: str) -> None:
    folder = tmp_path / "run"
    succeed(train, *FEW, "--strategy", strategy, "--episodes", "11", "--run-dir", folder, "--quiet")
    message = fail(train, "--resume", folder, "--episodes", "20")
    assert f"strategy {strategy} plans its policies when it begins and can't go on to others" in message
    assert "begin a new search: python -m amc train " in message
    assert f"--episodes 20 --strategy {strategy}" in message
    assert is_finished(folder)


@pytest.mark.parametrize("strategy", ["random", "sb3:SAC"])
def test_other_strategies_that_go_on(tmp_path: Path, strategy: str) -> None:
    folder = tmp_path / "run"
    succeed(train, *FEW, "--strategy", strategy, "--episodes", "4", "--run-dir", folder, "--quiet")
    first = scored(folder)
    succeed(train, "--resume", folder, "--episodes", "7", "--quiet")
    assert len(scored(folder)) == 7
    assert scored(folder)[:4] == first


def test_later_episodes_go_to_the_last_stage(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    succeed(train, *FEW, "--stages", "0.7,0.5", "--episodes", "7", "--run-dir", folder, "--quiet")
    assert [each["episodes"] for each in summary(folder)["stages"]] == [3, 4]
    first = scored(folder)
    for total in (9, 12):
        succeed(train, "--resume", folder, "--episodes", str(total), "--quiet")
        assert [each["episodes"] for each in summary(folder)["stages"]] == [3, total - 3]
        assert scored(folder)[:7] == first


def test_an_agent_that_was_applied_goes_on_to_learn(short: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = (
        *FEW,
        "--score",
        "accuracy",
        "--agent",
        short / "agent.zip",
        "--budget",
        "macs=0.4",
        "--run-dir",
        folder,
        "--quiet",
    )
    succeed(apply, *words)
    first = scored(folder)
    assert "expected --episodes of 1 or more to go on with" in fail(apply, "--resume", folder, "--episodes", "0")
    succeed(apply, "--resume", folder, "--episodes", "3", "--quiet")
    assert len(scored(folder)) == 4
    assert scored(folder)[:1] == first
    assert summary(folder)["policy_accuracy"] >= summary(folder)["zero_shot_accuracy"]


def test_a_policy_that_was_applied_has_nothing_to_learn(short: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    succeed(apply, *FEW, "--policy", short / "policy.json", "--run-dir", folder, "--quiet")
    message = fail(apply, "--resume", folder, "--episodes", "3")
    assert "a policy has nothing to learn; leave --episodes out" in message
