import errno
import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

import amc.utils.files
from amc.artifacts.policy import read_policy
from amc.scoring.candidates import Candidates
from amc.scoring.score import Score
from scripts import train
from tests.command import call, fail, summary

FEW = ("--calibration-images", "20", "--reward-split", "20", "--test-images", "20", "--episodes", "2")


class Hostile:
    """Would make a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


@pytest.mark.usefixtures("own_file")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--weights nowhere.pt", "expected a weights file at nowhere.pt, there is none; check the path"),
        ("--weights other.pt", "the weights in other.pt do not fit the network; missing: stem.0.weight,"),
        (
            "--weights hostile.pt",
            r"hostile.pt holds objects \(builtins.getattr, .*\), which to read would execute code",
        ),
        ("--data imagefolder:empty", "expected one folder for each class in empty/train, there is none"),
        ("--data imagefolder:nowhere", "expected a folder of images at nowhere/train, there is none"),
        (
            "--data digit",
            "expected digits, cifar10, imagefolder:PATH, images:PATH, .* got 'digit'; did you mean digits?",
        ),
        ("--model resnet21", "expected a network's name, torchvision:NAME, timm:NAME or .* did you mean resnet.*20"),
        ("--model resnet18", r"got 'resnet18'; did you mean torchvision:resnet18\?"),
        ("--model own.py", r"got 'own.py'; did you mean own.py:NAME, with the name of a function in it\?"),
        ("--model own.py:build --data imagefolder:empty", "unknown for this network; give --image-size, and --mean"),
        (f"--data imagefolder:{'x' * 300}", f"File name too long: {'x' * 300}"),
        (f"--model {'x' * 300}:build", f"File name too long: {'x' * 300}"),
        ("--data empty", r"got 'empty'; did you mean imagefolder:empty\?"),
        ("--model resnet56", "no weights are packaged for resnet56; give a weights file, or 'none'"),
        ("--model torchvision:resnet19", "torchvision has no classification network 'resnet19'; did you mean"),
        ("--model own.py:builds", "own.py has no function 'builds'; did you mean build"),
        ("--model own.py:build --metric top1 --data digits", "the network tells 4 classes apart, the data has 10"),
        ("--budget macs=0", "budget 'macs=0': expected a share of the original in .0, 1. such as macs=0.5"),
        ("--budget macs=1.5", "budget 'macs=1.5': expected a share"),
        ("--budget macs=half", "budget 'macs=half': expected a share .* got 'half'"),
        ("--budget macs=-0.5", "budget 'macs=-0.5': expected a share"),
        ("--budget macs=nan", "budget 'macs=nan': expected a share"),
        ("--budget macs=0.001", r"can't be reached: the least that pruning can leave is 48,564 macs \(macs=0.053\)"),
        (
            "--model nowhere.py:build --budget latency=5",
            "budget 'latency=5': expected a share .* such as latency=3.2ms",
        ),
        ("--budget 0.5", "a budget is KIND=VALUE such as macs=0.5 or params=200K, got '0.5'"),
        ("--budget macs=0.5 macs=0.4", "one budget of each kind at the most, got macs=0.5 macs=0.4"),
        ("--budget macs=0.5 --budget macs=0.4", "one budget of each kind at the most, got macs=0.5 macs=0.4"),
        ("--budget", "reward error needs a budget such as macs=0.5"),
        ("--reward error_log_macs --budget macs=0.5", "weighs accuracy against cost by itself; leave the budget out"),
        ("--reward errors", "unknown reward 'errors'; did you mean error"),
        ("--metric top2", "unknown metric 'top2'; did you mean top"),
        ("--metric own.py:broken", "metric own.py:broken failed: ValueError: no boxes"),
        ("--metric own.py:unnumbered", "metric own.py:unnumbered returned nan; a finite number is needed"),
        ("--criterion l3", "unknown criterion 'l3'; there are apoz, auto, bn_scale, l1, l2, lasso, lda, nisp, obs, "),
        ("--score kl --weights nowhere.pt", "unknown score 'kl'; there are "),
        ("--score loss --metric fidelity --weights nowhere.pt", "score loss compares the classes of top1 and top5"),
        ("--recovery all", "unknown recovery 'all'; there are asymmetric, auto, blockwise, both,"),
        ("--strategy sac", "unknown strategy 'sac'; there are cma-es, cp, ddpg, deep,"),
        ("--settings papers", "unknown settings 'papers'; did you mean paper"),
        ("--observation wide", "unknown observation set 'wide'; there are paper, scale_free"),
        ("--episodes -1", "expected --episodes above 0, got -1"),
        ("--episodes 0", "expected --episodes above 0, got 0"),
        ("--episodes many", "--episodes: expected a whole number, got 'many'"),
        ("--reward-images 0", "expected --reward-images above 0, got 0"),
        ("--seed -1", "expected --seed of 0 or more, and below .*, got -1"),
        ("--seed 4294967296", "expected --seed of 0 or more, and below .*, got 4294967296"),
        ("--round-to 0", "expected --round-to auto, device or a whole number of channels above 0, got '0'"),
        ("--round-to half", "expected --round-to auto, device or a whole number of channels above 0, got 'half'"),
        ("--round-to 1000", "no channels of this network can be pruned: .*too narrow to be cut by one rounding step"),
        ("--max-sparsity 0", "the largest sparsity is a share between 0 and 1, got 0.0"),
        ("--max-sparsity 1", "the largest sparsity is a share between 0 and 1, got 1.0"),
        ("--max-sparsity nan", "the largest sparsity is a share between 0 and 1, got nan"),
        ("--image-size 0", "expected --image-size above 0 pixels, got 0"),
        ("--mean 0.5 0.5 0.5 --std 1 1 1", "expected --mean and --std of 1 each, one for each colour channel, got 3"),
        ("--mean 0.5 0.5", "expected --mean and --std of 1 each, one for each colour channel, got 2"),
        ("--mean 123.7", r"expected numbers from 0 to 1 as mean, got \(123.7,\); pixels are scaled to \[0, 1\] first"),
        ("--std 58.4", r"expected numbers above 0, and 1 at the most, as std, got \(58.4,\); .* divide .* by 255"),
        ("--std 0", "expected numbers above 0, and 1 at the most, as std"),
        ("--calibration-images 9999", "expected 1 to 905 calibration images, got 9999; the data has no more"),
        ("--device tpu", r"expected a device that PyTorch can use \(auto, cpu, cuda\), got 'tpu'"),
        ("--epochs 3", "there is no option --epochs; --help"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty" / "train").mkdir(parents=True)
    (tmp_path / "empty" / "val").mkdir()
    torch.save({"other": torch.ones(1)}, "other.pt")
    torch.save({"state_dict": Hostile(tmp_path / "executed")}, "hostile.pt")
    before = sorted(tmp_path.rglob("*"))
    err = fail(train, "--run-dir", "run", *FEW, *words.split())
    assert re.search(message, err), err
    assert sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts) == before


def test_the_hostile_file_was_hostile(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Hostile(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()


def test_a_folder_that_holds_a_run_is_left_alone(finished: Path) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    assert f"{finished} is not empty; give a new folder as --run-dir" in fail(train, "--run-dir", finished)
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_a_run_folder_that_cannot_be_made_is_told_before_the_search(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for folder in (tmp_path / "file", tmp_path / "file" / "run", tmp_path / "file" / "deeper" / "run"):
        assert f"expected a folder for --run-dir, {tmp_path / 'file'} is a file" in fail(train, "--run-dir", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["agent", "compact", "policy", "summary"])
def test_a_full_disk_leaves_whole_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    sync = amc.utils.files._sync

    def full(path: Path) -> None:
        if path.name.startswith(f".{name}.") and path.parent == tmp_path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(path)

    monkeypatch.setattr(amc.utils.files, "_sync", full)
    err = fail(train, "--run-dir", tmp_path, "--quiet", *FEW)
    assert f"cannot write {tmp_path / name}" in err
    assert "No space left on device; free space on the disk" in err
    left = {path.stem for path in tmp_path.iterdir() if not path.name.startswith("events")}
    order = ["compact", "policy", "agent", "summary"]
    assert left == {"checkpoint", *order[: order.index(name)]}


def test_a_full_disk_is_told_before_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(amc.utils.files, "_sync", full)
    monkeypatch.setattr(Candidates, "score", None)  # which no search gets to
    err = fail(train, "--run-dir", tmp_path / "run", "--quiet", *FEW)
    assert "No space left on device; free space on the disk" in err
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_for_tensorboard_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = RecordWriter.write
    written: list[bytes] = []

    def full(self: RecordWriter, data: bytes) -> None:
        if len(written) == 30:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(data)
        write(self, data)

    monkeypatch.setattr(RecordWriter, "write", full)
    err = fail(train, "--run-dir", tmp_path, "--quiet", *FEW)
    assert f"not all TensorBoard events could be written into {tmp_path}: No space left on device" in err
    assert read_policy(tmp_path / "policy.json").strategy == "ddpg"
    assert summary(tmp_path)["episodes"] == 2


@pytest.mark.parametrize(("strategy", "episodes"), [("ddpg", 0), ("ddpg", 3), ("random", 3)])
def test_ctrl_c_keeps_what_was_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, episodes: int
) -> None:
    score, scored = Candidates.score, []

    def interrupted(self: Candidates, *arguments: Any) -> Score:
        scored.append(arguments)
        if len(scored) == episodes + 1:
            raise KeyboardInterrupt
        return score(self, *arguments)

    monkeypatch.setattr(Candidates, "score", interrupted)
    words = ("--run-dir", tmp_path / "run", "--quiet", *FEW, "--episodes", "50", "--strategy", strategy)
    done = call(train, *words)
    assert (done.status, done.out) == (130, "")
    if episodes:
        assert re.fullmatch(r"interrupted: saving the best policy so far takes about .*--resume goes on\n", done.err)
        assert summary(tmp_path / "run")["episodes"] >= episodes  # a policy met again is not scored again
        assert (tmp_path / "run" / "agent.zip").exists() == (strategy == "ddpg")
        assert summary(tmp_path / "run")["interrupted"] is True
    else:
        assert done.err == "interrupted\n"
        assert list(tmp_path.iterdir()) == []
