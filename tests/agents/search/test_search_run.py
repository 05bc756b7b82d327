"""A search from Python, and the command that does the same."""

import json
from pathlib import Path

import pytest
import torch

import agents
import amc
from agents.report.run_record import read_record
from amc.artifacts.policy import read_policy
from amc.data.splits import SplitSizes
from amc.utils.errors import UserError
from scripts import evaluate, train
from tests.command import fail, succeed

SIZES = SplitSizes(calibration=40, reward=60, test=50)
SPLITS = ("--calibration-images", "40", "--reward-split", "60", "--test-images", "50")


def searched(seed: int = 3, folder: Path | None = None) -> agents.SearchResult:
    splits = amc.load_data("digits", sizes=SIZES, seed=seed)
    options = amc.TaskOptions(seed=seed, recovery="both", name="digits_resnet")
    task = amc.Task(amc.load_network("digits_resnet").model, splits, ["macs=0.3"], options)
    return agents.search(task, episodes=6, seed=seed, folder=folder)


def test_python_and_the_command_find_the_same_and_leave_the_same_files(tmp_path: Path) -> None:
    command, saved, written = (tmp_path / name for name in ("command", "saved", "written"))
    asked = ("--budget", "macs=0.3", "--episodes", "6", "--seed", "3", "--recovery", "both", *SPLITS)
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
        assert "digits_resnet" in (folder / "report.html").read_text(encoding="utf-8")


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


def test_a_command_says_what_it_needs_of_a_run_from_python(tmp_path: Path) -> None:
    result = searched(folder=tmp_path / "run")
    assert f"{result.on_test.policy:.2%}".replace("%", " %") in succeed(evaluate, "--run-dir", tmp_path / "run").out
    assert "was begun from Python" in fail(train, "--resume", tmp_path / "run", "--quiet")
