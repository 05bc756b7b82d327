"""The cheapest network that is good enough, from the command line."""

import dataclasses
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import amc
from agents.report.compared_runs import ComparedRun
from agents.report.run_record import read_record
from agents.search.drop_goal import DropGoal
from agents.search.search_warnings import warn_of_judging_images
from amc.artifacts.policy import read_policy
from amc.compression.compressor import Compressor
from amc.scoring.candidates import Candidates
from amc.scoring.score import Score
from scripts import apply, evaluate, report, train
from tests.command import call, fail, succeed, summary
from tests.small_network import NAME, SMALL

FEW = (*SMALL, "--calibration-images", "50", "--reward-split", "160", "--test-images", "50")
FAST = ("--recovery", "none", "--search-recovery", "none")
ASKED = (*FEW, *FAST, "--max-drop", "6", "--episodes", "24")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    succeed(train, *ASKED, "--run-dir", folder, "--quiet")
    return folder


def test_the_files_tell_what_was_asked_for_and_what_was_reached(whole: Path) -> None:
    found, record = summary(whole), read_record(whole)
    assert found["arguments"]["max_drop"] == 6
    assert (found["max_drop"], found["minimise"], found["episodes"]) == (0.06, "macs", 24)
    assert found["drop"] <= 0.06
    low, high = found["drop_interval"]
    assert low <= found["drop"] <= high
    kept = [each for each in found["judged"] if each["budget"] == list(read_policy(whole / "policy.json").budget)]
    assert [(each["judged_drop"], each["holds"]) for each in kept] == [(found["drop"], True)]
    assert max(each["drop"] for each in found["judged"] if each["holds"]) <= 0.06
    assert found["original_accuracy"] - found["policy_accuracy"] == pytest.approx(kept[0]["drop"])
    assert [list(limits) for limits in record.stages] == [each["budget"] for each in found["judged"]]
    assert sum(each["episodes"] for each in found["stages"]) == 24
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert "Of the networks found that lose at most 6.00 points, this one has the fewest MACs" in page
    assert f"it loses {100 * found['drop']:.2f} points" in page


def test_what_is_kept_is_read_as_any_other_run(whole: Path, tmp_path: Path) -> None:
    found = summary(whole)
    compact = amc.load(whole)
    assert sum(parameter.numel() for parameter in compact.parameters()) == found["params_after"]
    assert compact(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    assert f"{100 * found['test_accuracy_policy']:.2f} %" in succeed(evaluate, "--run-dir", whole).out
    succeed(report, whole)
    succeed(apply, whole, "--run-dir", tmp_path / "again", "--quiet")
    assert summary(tmp_path / "again")["arguments"]["budget"] == list(read_policy(whole / "policy.json").budget)


def test_python_finds_the_same_as_the_command(whole: Path) -> None:
    data = amc.load_data("digits", sizes={"calibration": 50, "reward": 160, "test": 50})
    network = amc.load_network(NAME, "none")
    result = amc.search(network, data, max_drop=6, episodes=24, recovery="none", search_recovery="none")
    theirs, ours = read_policy(whole / "policy.json"), result.policy
    assert (ours.groups, ours.budget, ours.accuracy) == (theirs.groups, theirs.budget, theirs.accuracy)
    numbers = json.loads(json.dumps(result.summary))
    same = ("drop", "drop_interval", "max_drop", "judged", "stages", "finalists")
    assert [numbers[name] for name in same] == [summary(whole)[name] for name in same]


def test_runs_that_found_other_budgets_are_compared_with_uniform_policies_of_their_own(whole: Path) -> None:
    record = read_record(whole)
    other = dataclasses.replace(record, policy=record.policy and dataclasses.replace(record.policy, budget=("macs=1",)))
    settings = [ComparedRun(name, each, None).setting for name, each in (("one", record), ("other", other))]
    assert settings[0].budget == read_policy(whole / "policy.json").budget
    assert settings[1].budget == ("macs=1",)


def test_a_rule_finds_the_least_of_another_cost(tmp_path: Path) -> None:
    words = (*FEW, *FAST, "--max-drop", "6", "--minimise", "params", "--strategy", "uniform", "--episodes", "20")
    done = succeed(train, *words, "--run-dir", tmp_path)
    found = summary(tmp_path)
    assert found["episodes"] < 20
    assert all(each["budget"][0].startswith("params=") for each in found["judged"])
    assert found["params_after"] < found["params_before"]
    kept = min(each["budget"] for each in found["judged"] if each["holds"])
    assert found["params_after"] <= float(kept[0].partition("=")[2]) * found["params_before"]
    assert "this one has the fewest parameters" in " ".join(done.out.split())
    assert " on the reward images: not within --max-drop 6" in done.err


class Stopping:
    """Raises `error` when the policy of number `at` is scored."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> None:
        count, score = 0, Candidates.score

        def scored(candidates: Candidates, *given: Any) -> Score:
            nonlocal count
            count += 1
            if count == at:
                raise error
            return score(candidates, *given)

        monkeypatch.setattr(Candidates, "score", scored)


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been_and_judges_nothing_again(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Stopping(patch, 14, SystemExit(128 + signal.SIGTERM))
        assert call(train, *ASKED, "--run-dir", tmp_path, "--quiet").status == 143
    judged = len(json.loads((tmp_path / "checkpoint" / "judgements.json").read_text())["judgements"])
    made, compact = 0, Compressor.compact

    def counted(compressor: Compressor, *given: Any) -> Any:
        nonlocal made
        made += 1
        return compact(compressor, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Compressor, "compact", counted)
        succeed(train, "--resume", tmp_path, "--quiet")
    assert judged == 5
    assert made <= 2 * (9 - judged) + 3  # those of the other budgets, the uniform one, and what is kept
    for name in ("policy.json", "compact.safetensors"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    for name in ("stages", "judged", "finalists", "drop"):
        assert summary(tmp_path)[name] == summary(whole)[name]


def test_ctrl_c_keeps_the_cheapest_so_far(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        Stopping(patch, 8, KeyboardInterrupt())
        assert call(train, *ASKED, "--run-dir", tmp_path).status == 130
    found = summary(tmp_path)
    assert found["interrupted"]
    assert found["judged"] == summary(whole)["judged"][:3]
    least = min(float(each["budget"][0].partition("=")[2]) for each in found["judged"] if each["holds"])
    assert read_policy(tmp_path / "policy.json").budget == (f"macs={least:g}",)
    succeed(train, "--resume", tmp_path, "--quiet")
    assert (tmp_path / "policy.json").read_bytes() == (whole / "policy.json").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--max-drop", "1", "--budget", "macs=0.5"),
            "--max-drop finds the budget itself; leave --budget and --stages",
        ),
        (("--max-drop", "1", "--stages", "0.5"), "--max-drop finds the budget itself; leave --budget and --stages"),
        (("--max-drop", "-1"), "expected --max-drop of 0 points or more, got -1"),
        (("--minimise", "macs"), "--minimise goes with --max-drop"),
        (("--max-drop", "1", "--minimise", "time"), "unknown cost 'time'"),
        (("--max-drop", "1", "--reward", "error_log_macs"), "weighs accuracy against cost by itself; leave --max-drop"),
        (("--max-drop", "1", "--episodes", "1"), "expected two episodes or more"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    assert message in fail(train, *FEW, *words, "--run-dir", tmp_path / "run", "--quiet")
    assert not (tmp_path / "run").exists()


def test_a_network_of_which_nothing_can_be_cut_is_refused_without_a_hint_to_go_on(tmp_path: Path) -> None:
    words = (*FEW, *FAST, "--max-drop", "0", "--strategy", "deep", "--round-to", "6", "--only", "stem*")
    message = fail(train, *words, "--episodes", "6", "--run-dir", tmp_path / "run", "--quiet")
    assert "not even the mildest cut stays within --max-drop 0: macs=" in message
    assert "go on with" not in message


def test_it_is_told_where_one_judging_image_is_more_than_may_be_lost(capsys: pytest.CaptureFixture[str]) -> None:
    data = amc.load_data("digits", sizes={"calibration": 10, "reward": 60, "test": 10}).with_judging(0)
    task = amc.Task(amc.load_network(NAME, "none").model, data, [])
    capsys.readouterr()
    for max_drop in (4.0, 0.0, 3.0):
        warn_of_judging_images(task, DropGoal(max_drop))
    warning = "each of the 30 judging images, half of the validation images, counts 3.33 points, more than max_drop 3: "
    assert capsys.readouterr().err.startswith(f"warning: {warning}")


def test_no_more_episodes_are_given_to_a_finished_search(whole: Path) -> None:
    message = fail(train, "--resume", whole, "--episodes", "30", "--quiet")
    assert "shares out its episodes when it begins" in message
    assert "--max-drop 6" in message
