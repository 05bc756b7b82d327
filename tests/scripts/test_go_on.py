"""The commands that a run prints to go on from it, pasted in another directory."""

import shlex
from pathlib import Path

import pytest

from agents.report.command_lines import next_commands, resume_command
from amc.artifacts.lasting_options import lasting_options
from amc.artifacts.policy import read_policy
from scripts import evaluate, export, train
from tests.command import fail, succeed, summary

OWN = ("--model", "own.py:build", "--data", "own.py:data", "--weights", "none")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a run on a user's file that was named by relative paths, and the commands that the run printed."""
    folder = tmp_path_factory.mktemp("two words")
    (folder / "own.py").write_text(FILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = succeed(train, *OWN, "--budget", "macs=0.5", "--strategy", "uniform", "--run-dir", "run")
    return folder, done.out.partition("to go on from here:\n")[2].splitlines()


def test_each_is_for_the_folder_and_names_the_users_functions(printed: tuple[Path, list[str]]) -> None:
    folder, lines = printed
    words = [shlex.split(line) for line in lines]
    assert [each[3] for each in words] == ["evaluate", "finetune", "export", "latency"]
    for each in words:
        assert each[:3] == ["python", "-m", "amc"]
        assert each[4:7] == [str(folder / "run"), "--model", f"{folder}/own.py:build"]
    assert words[0][7:] == words[1][7:] == ["--data", f"{folder}/own.py:data"]
    assert words[2][7:] == words[3][7:] == []


def test_they_run_from_another_directory(
    printed: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lines = printed
    monkeypatch.chdir(tmp_path)
    done = succeed(evaluate, *shlex.split(lines[0])[4:])
    assert f"{100 * summary(folder / 'run')['test_accuracy_policy']:.2f} %" in done.out
    succeed(export, *shlex.split(lines[2])[4:], "--format", "program")
    assert (folder / "run" / "compact.pt2").is_file()


def test_what_is_recorded_holds_from_any_directory_and_the_policy_names_no_folder(
    printed: tuple[Path, list[str]],
) -> None:
    folder, _ = printed
    recorded = summary(folder / "run")["arguments"]
    assert (recorded["model"], recorded["data"]) == (f"{folder}/own.py:build", f"{folder}/own.py:data")
    assert read_policy(folder / "run" / "policy.json").model == "own.py:build"
    assert str(folder) not in (folder / "run" / "policy.json").read_text()


def test_the_message_that_asks_for_functions_is_the_whole_command(
    printed: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = printed
    monkeypatch.chdir(tmp_path)
    message = fail(evaluate, folder / "run", "--split", "reward")
    words = shlex.split(message.partition("; run: ")[2])
    assert words[:4] == ["python", "-m", "amc", "evaluate"]
    succeed(evaluate, *words[4:])
    succeed(evaluate, "--run-dir", *words[4:])
    assert "expected RUN or --run-dir, one of them, got both" in fail(evaluate, "x", "--run-dir", "x")


def test_paths_in_options_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    Path("net.pt").touch()
    options = {
        "model": "../nets/net.py:build",
        "weights": "net.pt:ema",
        "data": "imagefolder:~/photos",
        "metric": "top1",
        "latency_table": Path("table.json"),
        "budget": (("macs=0.5",),),
        "seed": 3,
    }
    assert lasting_options(options) == options | {
        "model": f"{tmp_path.parent}/nets/net.py:build",
        "weights": f"{tmp_path}/net.pt:ema",
        "data": "imagefolder:/home/me/photos",
        "latency_table": tmp_path / "table.json",
    }
    for name in ("default", "none"):
        assert lasting_options({"weights": name}) == {"weights": name}


def test_commands_that_could_not_run_are_left_out() -> None:
    run, known = Path("/runs/x"), {"model": "resnet20", "data": "cifar10", "metric": "top1"}
    assert list(next_commands(run, known)) == ["evaluate", "finetune", "export", "latency"]
    assert list(next_commands(run, known, tuned=True)) == ["evaluate", "export", "latency"]
    assert list(next_commands(run, known | {"metric": "/own.py:score"})) == [
        "evaluate",
        "finetune",
        "export",
        "latency",
    ]
    assert list(next_commands(run, known | {"data": ""})) == ["export", "latency"]  # images from Python
    assert list(next_commands(run, known | {"model": "Net"})) == []  # a network from Python
    assert resume_command("train", Path("/a b"), {"search_recovery": "/c d.py:e", "seed": "1"}) == (
        "python -m amc train --resume '/a b' --search-recovery '/c d.py:e'"
    )


def test_no_network_gets_digits_unasked(tmp_path: Path) -> None:
    asked = "expected --data for resnet20: imagefolder:PATH (a folder with train/, and val/, test/ or both),"
    assert asked in fail(train, "--model", "resnet20", "--weights", "none", "--run-dir", tmp_path / "run")
    assert asked in fail(evaluate, "--model", "resnet20", "--weights", "none")
    assert not (tmp_path / "run").exists()


FILE = """
import torch
from torch import nn
from torch.utils.data import TensorDataset

def build():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 4),
    )

def data():
    images, targets = torch.randn(96, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(96) % 4
    return {name: TensorDataset(images[k::3], targets[k::3]) for k, name in enumerate(("train", "val", "test"))}
"""
