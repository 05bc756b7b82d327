"""A search over a range of budgets, from the command line."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import amc
from agents.checkpoint import latest_checkpoint
from amc.artifacts.front_file import Front, read_front
from amc.artifacts.policy import read_policy
from amc.scoring.candidates import Candidates
from amc.scoring.score import Score
from scripts import apply, evaluate, report, train
from tests.command import call, fail, succeed, summary
from tests.small_network import SMALL

FEW = (*SMALL, "--calibration-images", "50", "--reward-split", "160", "--test-images", "50")
FAST = ("--recovery", "none", "--search-recovery", "none")
ASKED = (*FEW, *FAST, "--budget", "macs=0.3:0.8", "--points", "0.3", "0.5", "0.7", "--episodes", "26")

pytestmark = pytest.mark.backward


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    succeed(train, *ASKED, "--run-dir", folder, "--quiet")
    return folder


@pytest.fixture(scope="module")
def front(whole: Path) -> Front:
    return read_front(whole / "front.json")


def test_each_point_is_a_run_folder_with_the_costs_and_scores_of_the_front(whole: Path, front: Front) -> None:
    assert (front.range, front.metric, front.compared_by) == ("macs=0.3:0.8", "top1", "fidelity")
    assert sorted(path.name for path in (whole / "front").iterdir()) == ["01", "02", "03"]
    for point in front.points:
        assert point.folder is not None
        folder, share = whole / point.folder, float(point.budget.partition("=")[2])
        compact, found = amc.load(folder), summary(folder)
        assert sum(parameter.numel() for parameter in compact.parameters()) == point.costs["params"].after
        assert point.costs["macs"].ratio <= share
        assert (found["policy_accuracy"], found["test_accuracy_policy"]) == (point.accuracy, point.test_accuracy)
        assert found["arguments"]["budget"] == [point.budget]
        kept = {group.name: len(group.kept) for group in read_policy(folder / "policy.json").groups}
        assert kept == point.kept
        assert f"{100 * found['test_accuracy_policy']:.2f} %" in succeed(evaluate, "--run-dir", folder).out
    scores = [point.score for point in front.points]
    assert scores == sorted(scores)


def test_the_run_itself_is_its_middle_point(whole: Path) -> None:
    policy, middle = (read_policy(folder / "policy.json") for folder in (whole, whole / "front" / "02"))
    assert policy == middle
    assert policy.budget == ("macs=0.5",)
    assert summary(whole)["arguments"]["budget"] == ["macs=0.3:0.8"]
    succeed(report, whole)
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert all(f"front/0{number}" in page for number in (1, 2, 3))
    assert "The score at each point of the range of budgets" in page


def test_any_budget_is_applied_without_a_search(whole: Path, tmp_path: Path) -> None:
    succeed(apply, whole, "--budget", "macs=0.45", "--run-dir", tmp_path / "own", "--quiet")
    found = summary(tmp_path / "own")
    assert found["episodes"] == 1
    assert found["macs_after"] <= 0.45 * found["macs_before"]
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "agent.zip").write_bytes((whole / "agent.zip").read_bytes())
    alone = ("--agent", tmp_path / "agent" / "agent.zip", "--budget", "macs=0.45", *FEW, *FAST)
    succeed(apply, *alone, "--run-dir", tmp_path / "alone", "--quiet")
    assert found["policy_score"] >= summary(tmp_path / "alone")["policy_score"]


def test_a_point_has_no_agent_and_names_the_run_that_has(whole: Path, tmp_path: Path) -> None:
    message = fail(apply, whole / "front" / "01", "--budget", "macs=0.45", "--run-dir", tmp_path / "own", "--quiet")
    assert f"give {whole}, whose agent decides for any budget" in message
    point = tmp_path / "point"
    shutil.copytree(whole / "front" / "01", point)
    search = fail(apply, point, "--budget", "macs=0.45", "--quiet").rpartition("search with: ")[2]
    assert "amc train" in search
    assert "--budget macs=0.45" in search
    assert "--points" not in search


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, score = 0, Candidates.score

    def scored(candidates: Candidates, *given: Any) -> Score:
        nonlocal count
        count += 1
        if count == 15:
            raise SystemExit(128 + signal.SIGTERM)
        return score(candidates, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Candidates, "score", scored)
        assert call(train, *ASKED, "--run-dir", tmp_path, "--quiet").status == 143
    succeed(train, "--resume", tmp_path, "--quiet")
    ours, theirs = (latest_checkpoint(folder)[0].past.episodes for folder in (tmp_path, whole))
    assert [each.kept_counts.tolist() for each in ours] == [each.kept_counts.tolist() for each in theirs]
    fronts = [json.loads((folder / "front.json").read_text()) for folder in (tmp_path, whole)]
    assert fronts[0] == fronts[1]


def test_a_rule_searches_each_point_by_itself(tmp_path: Path) -> None:
    words = (*FEW, *FAST, "--budget", "params=0.4:0.8", "--strategy", "uniform", "--episodes", "9")
    succeed(train, *words, "--run-dir", tmp_path, "--quiet")
    found = summary(tmp_path)
    assert found["episodes"] == 3
    assert [stage["budget"] for stage in found["stages"]] == [["params=0.4"], ["params=0.8"], ["params=0.6"]]
    ratios = [point.costs["params"].ratio for point in read_front(tmp_path / "front.json").points]
    assert np.all(np.array(ratios) <= [0.4, 0.6, 0.8][: len(ratios)])
    message = fail(train, "--resume", tmp_path, "--episodes", "12")
    assert "shares out its episodes when it begins" in message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget", "macs=0.8:0.3"), "expected two shares in (0, 1] that ascend"),
        (("--budget", "macs=0.3:0.8", "params=0.5"), "a range of budgets stands alone"),
        (("--budget", "macs=0.3:0.8", "--points", "0.9"), "expected --points from 0.3 to 0.8, got 0.9"),
        (("--points", "0.5"), "--points goes with a range of budgets, such as --budget macs=0.3:0.8"),
        (("--budget", "latency=0.3:0.8"), "give a single budget of latency"),
        (("--budget", "macs=0.3:0.8", "--stages", "0.7,0.5"), "--stages lead to one budget"),
        (("--budget", "macs=0.3:0.8", "--max-drop", "1"), "--max-drop finds the budget itself"),
        (("--budget", "macs=0.3:0.8", "--reward", "mnasnet"), "goes with --reward error"),
        (("--budget", "macs=0.0001:0.8"), "budget macs=0.0001 can't be reached"),
        (("--budget", "macs=0.3:0.8", "--strategy", "random", "--episodes", "2"), "for each of the 3 points, got 2"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    assert message in fail(train, *FEW, *words, "--run-dir", tmp_path / "none", "--quiet")
