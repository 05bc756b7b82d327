"""Searches in stages, from the command line."""

import signal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

import amc
from agents.checkpoint import latest_checkpoint
from agents.report.page_tables import stages
from agents.report.run_record import read_record
from agents.search import stages as search_stages
from agents.search.stage_tuning import tune
from amc.artifacts.policy import read_policy
from amc.scoring.candidates import Candidates
from amc.scoring.score import Score
from scripts import evaluate, train
from tests.command import call, fail, succeed, summary
from tests.small_network import SMALL

pytestmark = pytest.mark.backward

FAST = ("--recovery", "none", "--search-recovery", "none")  # half of the time, for the same stages
SIZES = ("--calibration-images", "50", "--reward-split", "60", "--test-images", "50")
FEW = (*SMALL, *SIZES, *FAST)
MACS = 135_840
"""Those of the small network."""
STAGED = (
    *FEW,
    "--recovery",
    "both",
    "--search-recovery",
    "both",
    "--stages",
    "0.7,0.4,0.2",
    "--tune-steps",
    "6",
    "--episodes",
    "20",
)
"""What a search scores is what is kept, so that its best is the result."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    succeed(train, *STAGED, "--run-dir", folder, "--quiet")
    return folder


def test_the_result_is_one_composition_of_the_original(whole: Path) -> None:
    found, policy = summary(whole), read_policy(whole / "policy.json")
    assert policy.budget == ("macs=0.2",)
    assert 0.15 * MACS < found["macs_after"] <= 0.2 * MACS
    assert (found["macs_before"], found["arguments"]["budget"]) == (MACS, ["macs=0.2"])
    assert policy.costs["macs"].after == found["macs_after"]
    compact = amc.load(whole)
    assert sum(parameter.numel() for parameter in compact.parameters()) == found["params_after"]
    assert compact(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    shown = succeed(evaluate, "--run-dir", whole).out
    assert f"{100 * found['test_accuracy_policy']:.2f} %" in shown
    for group in policy.groups:
        assert max(group.kept) < group.units
        assert len(group.kept) >= group.units / 5


def test_every_stage_keeps_its_budget_and_starts_where_the_one_before_it_ended(whole: Path) -> None:
    record = read_record(whole)
    assert record.stages == (("macs=0.7",), ("macs=0.4",), ("macs=0.2",))
    counts = [sum(episode.stage == number for episode in record.episodes) for number in range(3)]
    assert counts == [6, 7, 7]
    assert [episode.index for episode in record.episodes] == list(range(20))
    limit = np.array([group.units for group in record.groups])
    for number, share in enumerate((0.7, 0.4, 0.2)):
        own = [episode for episode in record.episodes if episode.stage == number]
        assert all(episode.outcome.macs <= share * MACS for episode in own)
        assert all((episode.kept_counts <= limit).all() for episode in own)
        limit = max(own, key=lambda episode: episode.reward).kept_counts
    assert limit.tolist() == [len(group.kept) for group in read_policy(whole / "policy.json").groups]


def test_what_each_stage_came_to_is_told(whole: Path, tmp_path: Path) -> None:
    told = summary(whole)["stages"]
    assert [(stage["budget"], stage["episodes"]) for stage in told] == [
        (["macs=0.7"], 6),
        (["macs=0.4"], 7),
        (["macs=0.2"], 7),
    ]
    assert told[-1]["macs_after"] == summary(whole)["macs_after"]
    table = stages(read_record(whole))
    assert table is not None
    assert [row[:2] for row in table.rows] == [("macs=0.7", "6"), ("macs=0.4", "7"), ("macs=0.2", "7")]
    assert [row[3] for row in table.rows] == [f"{100 * stage['accuracy']:.2f} %" for stage in told]
    assert "macs=0.7" in (whole / "report.html").read_text()
    done = succeed(
        train, *FEW, "--stages", "0.5,0.3", "--strategy", "uniform", "--episodes", "2", "--run-dir", tmp_path
    )
    assert "stage 1 of 2 reached macs=0.5 with " in done.err
    assert summary(tmp_path)["episodes"] == 2


class Stopping:
    """Raises `error` when the policy of number `at` is scored, or when the network of a stage has been trained."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int | str, error: BaseException) -> None:
        count = 0
        score = Candidates.score

        def scored(candidates: Candidates, *given: Any) -> Score:
            nonlocal count
            count += 1
            if count == at:
                raise error
            return score(candidates, *given)

        def trained(*_: Any) -> None:
            raise error

        if at == "tuning":
            monkeypatch.setattr(search_stages, "tune", trained)
        else:
            monkeypatch.setattr(Candidates, "score", scored)


@pytest.mark.parametrize(("at", "left"), [("tuning", 2), (9, 1)])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been_and_trains_no_stage_again(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, at: int | str, left: int
) -> None:
    with monkeypatch.context() as patch:
        Stopping(patch, at, SystemExit(128 + signal.SIGTERM))
        assert call(train, *STAGED, "--run-dir", tmp_path, "--quiet").status == 143
    assert latest_checkpoint(tmp_path)[0].past.episodes
    assert not (tmp_path / "policy.json").exists()
    tuned = Mock(side_effect=tune)
    with monkeypatch.context() as patch:
        patch.setattr(search_stages, "tune", tuned)
        succeed(train, "--resume", tmp_path, "--quiet")
    assert tuned.call_count == left
    for name in ("policy.json", "compact.safetensors"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    assert summary(tmp_path)["stages"] == summary(whole)["stages"]


def test_ctrl_c_before_the_last_stage_leaves_a_run_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Stopping(patch, 9, KeyboardInterrupt())
        done = call(train, *STAGED, "--run-dir", tmp_path)
    assert done.status == 130
    assert done.out.splitlines()[1:] == [f"go on with: python -m amc train --resume {tmp_path}"]
    assert not (tmp_path / "policy.json").exists()
    assert latest_checkpoint(tmp_path)[0].past.episodes[-1].stage == 1


def test_training_between_stages_gains_accuracy(tmp_path: Path) -> None:
    recovery = ("--recovery", "both", "--search-recovery", "both", "--reward-split", "300")
    words = (*SIZES, *recovery, "--stages", "0.3,0.12", "--strategy", "uniform", "--episodes", "2", "--quiet")
    for steps in ("0", "60"):
        succeed(train, *words, "--tune-steps", steps, "--run-dir", tmp_path / steps)
    cut, trained = (summary(tmp_path / steps)["policy_accuracy"] for steps in ("0", "60"))
    assert trained > cut + 0.05


def test_fewer_episodes_than_stages(tmp_path: Path) -> None:
    message = fail(train, *FEW, "--stages", "0.7,0.4", "--episodes", "1", "--run-dir", tmp_path / "run", "--quiet")
    assert "expected at least an episode for each of the 2 stages, got 1" in message
    assert not (tmp_path / "run").exists()
