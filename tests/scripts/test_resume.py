"""Runs that are interrupted and gone on with."""

import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import amc
from agents.checkpoint import latest_checkpoint, save_checkpoint
from agents.episode import Episode
from agents.report.tensorboard.board import Board
from agents.search import stages
from amc.artifacts.policy import read_policy
from amc.networks.weight_files import write_state_dict
from scripts import apply, evaluate, train
from scripts import report as report_script
from tests.command import call, fail, succeed, summary
from tests.scripts.interrupting import HOLDER, InterruptingSearch
from tests.small_network import SMALL, program, small_resnet

FAST = ("--recovery", "none", "--search-recovery", "none")  # half of the time; what is computed does not matter here
FEW = (*SMALL, "--calibration-images", "100", "--reward-split", "60", "--test-images", "60", *FAST)
PATIENCE = 240
"""Seconds that a busy machine may take."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    succeed(train, *FEW, "--episodes", "16", "--run-dir", folder, "--quiet")
    return folder


def policy(folder: Path) -> str:
    return (folder / "policy.json").read_text()


@pytest.mark.parametrize(("at", "every"), [(2, 10), (16, 5)])
def test_an_error_in_an_episode_loses_none_before_it(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, at: int, every: int
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        InterruptingSearch(patch, at, RuntimeError("out of memory"))
        with pytest.raises(RuntimeError, match="out of memory"):
            call(train, *FEW, "--episodes", "16", "--checkpoint-every", str(every), "--run-dir", folder, "--quiet")
    assert len(latest_checkpoint(folder)[0].past.episodes) == at - 1
    assert not (folder / "policy.json").exists()
    succeed(train, "--resume", folder, "--quiet")
    assert policy(folder) == policy(whole)
    assert summary(folder)["episodes"] == 16


def test_an_error_before_the_first_episode_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    InterruptingSearch(monkeypatch, 1, RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory"):
        call(train, *FEW, "--run-dir", tmp_path / "run", "--quiet")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_saves_the_best_so_far_and_the_run_goes_on(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        InterruptingSearch(patch, 12, KeyboardInterrupt())
        done = call(train, *FEW, "--episodes", "16", "--run-dir", folder)
    assert done.status == 130
    assert done.out.splitlines()[-1] == f"go on with: python -m amc train --resume {folder}"
    assert summary(folder)["interrupted"] is True
    assert summary(folder)["episodes"] == 11
    succeed(train, "--resume", folder, "--quiet")
    assert policy(folder) == policy(whole)
    assert summary(folder)["interrupted"] is False


def test_ctrl_c_while_an_episode_is_written_loses_that_one(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result has the episodes of the checkpoint, so that it can be shown and gone on with."""
    folder, points = tmp_path / "run", Board._points

    def interrupted(board: Board, episode: Episode) -> None:
        if episode.index == 11:
            raise KeyboardInterrupt
        points(board, episode)

    with monkeypatch.context() as patch:
        patch.setattr(Board, "_points", interrupted)
        assert call(train, *FEW, "--episodes", "16", "--run-dir", folder, "--quiet").status == 130
    assert summary(folder)["episodes"] == len(latest_checkpoint(folder)[0].past.episodes) == 11
    succeed(report_script, "--run-dir", folder)
    succeed(train, "--resume", folder, "--quiet")
    assert policy(folder) == policy(whole)


def test_ctrl_c_before_a_policy_is_within_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (*FEW, "--strategy", "greedy", "--episodes", "16")
    succeed(train, *words, "--run-dir", tmp_path / "whole", "--quiet")
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        InterruptingSearch(patch, 5, KeyboardInterrupt())
        done = call(train, *words, "--run-dir", folder)
    assert done.status == 130
    assert done.out.splitlines()[1:] == [f"go on with: python -m amc train --resume {folder}"]
    assert done.err.splitlines()[-1] == "interrupted"
    assert not (folder / "policy.json").exists()
    assert len(latest_checkpoint(folder)[0].past.episodes) == 4
    page = succeed(report_script, "--run-dir", folder)
    assert "no policy within the budget has been scored yet" in Path(page.out.strip()).read_text()
    succeed(train, "--resume", folder, "--quiet")
    assert policy(folder) == policy(tmp_path / "whole")


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_what_a_search_found_is_there_whatever_happens_after_it(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    folder = tmp_path / "run"

    def fails(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(stages, "final_result", fails)
        if isinstance(error, KeyboardInterrupt):
            done = call(train, *FEW, "--episodes", "16", "--run-dir", folder)
            assert done.status == 130
            assert done.out.splitlines()[-1] == f"go on with: python -m amc train --resume {folder}"
        else:
            with pytest.raises(RuntimeError, match="out of memory"):
                call(train, *FEW, "--episodes", "16", "--run-dir", folder, "--quiet")
    scored = max(
        (each for each in latest_checkpoint(folder)[0].past.episodes if each.outcome.within_budget),
        key=lambda each: each.reward,
    )
    found = read_policy(folder / "policy.json")
    assert [len(group.kept) for group in found.groups] == scored.kept_counts.tolist()
    assert found.accuracy == scored.outcome.accuracy
    assert sum(p.numel() for p in amc.load(folder).parameters()) == scored.outcome.params
    succeed(evaluate, "--run-dir", folder)
    succeed(train, "--resume", folder, "--quiet")
    assert policy(folder) == policy(whole)


def test_a_kill_at_a_random_moment(tmp_path: Path, whole: Path) -> None:
    """Many of them are in `benchmarks.kill_and_resume`."""
    folder = tmp_path / "run"
    words = (*FEW, "--episodes", "16", "--checkpoint-every", "2", "--run-dir", folder)
    command = [*program("train"), "--quiet", *map(str, words)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], env=env, stdout=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE
    try:
        while not any(folder.glob("checkpoint/episode-*")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(np.random.default_rng().uniform(0, 1))
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
    if not (folder / "summary.json").exists():
        succeed(train, "--resume", folder, "--quiet")
    assert policy(folder) == policy(whole)


@pytest.mark.parametrize(
    ("name", "there", "missing", "program"),
    [
        ("compact.safetensors", "checkpoint", "policy.json", "train --resume"),
        ("policy.json", "compact.safetensors", "policy.json", "train --resume"),
        ("summary.json", "policy.json", "summary.json", "train --resume"),
        ("report.html", "summary.json", "report.html", "report"),
    ],
)
def test_after_a_full_disk_is_said_what_is_there_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, there: str, missing: str, program: str
) -> None:
    folder, replace = tmp_path / "run", os.replace

    def full(source: Path, target: Path) -> None:
        if target == folder / name:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        error = fail(train, *FEW, "--strategy", "uniform", "--run-dir", folder, "--quiet")
    assert f"cannot write {folder / name}: No space left on device" in error
    assert re.search(rf" in {folder} [^;]*{there}[^;]* there, [^;]*{missing}[^;]* missing; ", error)
    words = shlex.split(error.rpartition("; go on with: ")[2])
    assert words == shlex.split(f"python -m amc {program} {folder}")
    succeed(report_script if "report" in program else train, *words[4:])
    assert {"policy.json", "compact.safetensors", "summary.json", "report.html"} <= {
        path.name for path in folder.iterdir()
    }
    amc.load(folder)


def test_a_run_that_ends_between_weights_and_policy_is_refused_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are those of the network that is kept, the policy is still that of the network as searched."""
    words = (*FEW, "--recovery", "statistics", "--strategy", "uniform", "--quiet")
    succeed(train, *words, "--run-dir", tmp_path / "whole")
    folder, replace = tmp_path / "run", os.replace

    def killed(source: Path, target: Path) -> None:
        if target == folder / "policy.json" and target.exists():
            raise SystemExit(143)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        assert call(train, *words, "--run-dir", folder).status == 143
    told = fail(evaluate, "--run-dir", folder, "--data", "digits")
    assert (
        f"the weights in {folder / 'compact.safetensors'} are not those that policy.json beside it was written" in told
    )
    assert told.rstrip().endswith("; the run ended while it wrote them, so go on with it by --resume")
    succeed(train, "--resume", folder, "--quiet")
    assert policy(folder) == policy(tmp_path / "whole")
    amc.load(folder)


def test_a_mistake_before_anything_was_computed_is_told_as_it_is(tmp_path: Path, begun: Path) -> None:
    for option, folder in (("--run-dir", tmp_path / "new"), ("--resume", begun)):
        error = fail(train, option, folder, "--weights", "nowhere.pth")
        assert "go on" not in error
        assert error.startswith("error: expected a weights file at nowhere.pth")
    assert not (tmp_path / "new").exists()


def test_a_folder_in_use_is_refused(begun: Path, whole: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, begun / "checkpoint" / "lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for option in ("--resume", "--run-dir"):
            assert f"{begun} is in use by process {os.getpid()} on " in fail(train, option, begun)
        other.kill()
    succeed(train, "--resume", begun, "--quiet")
    assert policy(begun) == policy(whole)


def test_sigterm_writes_a_checkpoint(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        InterruptingSearch(patch, 6, SystemExit(143))
        done = call(train, *FEW, "--episodes", "16", "--run-dir", folder, "--quiet")
    assert done.status == 143
    assert len(latest_checkpoint(folder)[0].past.episodes) == 5
    succeed(train, "--resume", folder, "--quiet")
    assert policy(folder) == policy(whole)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped in its 8th episode, with checkpoints of 5 and 7 episodes."""
    folder = tmp_path_factory.mktemp("runs") / "stopped"
    with pytest.MonkeyPatch.context() as patch:
        InterruptingSearch(patch, 8, SystemExit(143))
        call(train, *FEW, "--episodes", "16", "--checkpoint-every", "5", "--run-dir", folder, "--quiet")
    return folder


@pytest.fixture
def begun(stopped: Path, tmp_path: Path) -> Path:
    """The stopped run, to go on with or to damage."""
    return shutil.copytree(stopped, tmp_path / "begun")


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(begun: Path, whole: Path) -> None:
    previous, newest = sorted((begun / "checkpoint").glob("episode-*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    done = succeed(train, "--resume", begun, "--quiet")
    assert done.err == (
        f"warning: {newest} is damaged: its content is not what was written; the one before it is used\n"
    )
    assert not previous.exists()
    assert policy(begun) == policy(whole)


def test_the_number_of_threads_is_that_of_the_beginning(begun: Path, whole: Path) -> None:
    torch.set_num_threads(2)
    try:
        succeed(train, "--resume", begun, "--quiet")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(1)
    assert policy(begun) == policy(whole)


def test_an_agent_goes_on_without_the_file_it_came_from(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(whole / "agent.zip", tmp_path / "agent.zip")
    words = (*FEW, "--agent", tmp_path / "agent.zip", "--budget", "macs=0.4", "--episodes", "8", "--quiet")
    succeed(apply, *words, "--run-dir", tmp_path / "one")
    with monkeypatch.context() as patch:
        InterruptingSearch(patch, 5, RuntimeError("out of memory"))
        with pytest.raises(RuntimeError):
            call(apply, *words, "--run-dir", tmp_path / "other")
    (tmp_path / "agent.zip").unlink()
    succeed(apply, "--resume", tmp_path / "other", "--quiet")
    assert policy(tmp_path / "other") == policy(tmp_path / "one")


def test_other_versions_are_warned_of(begun: Path) -> None:
    checkpoint, _ = latest_checkpoint(begun)
    checkpoint.run["versions"]["torch"] = "1.0"
    save_checkpoint(begun, checkpoint)
    done = succeed(train, "--resume", begun, "--quiet")
    assert done.err == "warning: begun with other versions of Python or packages; the result may differ\n"


def test_what_is_no_run_to_go_on_with(tmp_path: Path, whole: Path, begun: Path) -> None:
    assert f"no checkpoint in {tmp_path}; give the folder of a run that was begun" in fail(train, "--resume", tmp_path)
    assert f"expected the folder of a run at {tmp_path / 'x'}, there is none" in fail(train, "--resume", tmp_path / "x")
    assert "holds a finished run; there is nothing to go on with" in fail(train, "--resume", whole)
    message = fail(apply, "--resume", begun)
    assert f"was begun by train; go on with python -m amc train --resume {begun}" in message
    message = fail(train, "--resume", begun, "--budget", "macs=0.5")
    assert "--resume goes on with the run's own options; leave --budget out" in message


def test_other_weights_are_refused(tmp_path: Path, begun: Path) -> None:
    others = {name: tensor + 1 for name, tensor in small_resnet().state_dict().items()}
    write_state_dict(tmp_path / "others.safetensors", others)
    message = fail(train, "--resume", begun, "--weights", tmp_path / "others.safetensors", "--quiet")
    assert f"the weights (--weights) are not those that {begun} was begun with; give the same again" in message


def test_no_whole_checkpoint_is_a_users_mistake(begun: Path) -> None:
    for path in (begun / "checkpoint").glob("episode-*"):
        path.write_bytes(b"0")
    message = fail(train, "--resume", begun)
    assert message.count("is damaged: its content is not what was written") == 2


@pytest.mark.usefixtures("own_file")
def test_a_users_function_is_not_imported_from_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("more.py").write_text(
        "import numpy as np\n"
        "def alike(evidence):\n    return np.ones(evidence.graph.unit_count)\n"
        "def nothing(network, original, mask):\n    pass\n"
    )
    words = ("--model", "own.py:build", "--data", "own.py:data", "--round-to", "1", "--episodes", "6")
    more = ("--criterion", "more.py:alike", "--search-recovery", "more.py:nothing")
    with monkeypatch.context() as patch:
        InterruptingSearch(patch, 4, KeyboardInterrupt())
        done = call(train, *words, *more, "--budget", "macs=0.5", "--run-dir", "run")
    message = fail(train, "--resume", "run")
    asked = f"--model {tmp_path}/own.py:build --data {tmp_path}/own.py:data --criterion {tmp_path}/more.py:alike"
    assert f"the run used {asked} --search-recovery" in message
    assert f"; run: python -m amc train --resume run {asked} --search-recovery {tmp_path}/more.py:nothing" in message
    again = ("--model", "own.py:build", "--data", "own.py:data")
    message = fail(train, "--resume", "run", *again, "--criterion", "more.py:alike")
    assert f"the run used --search-recovery {tmp_path}/more.py:nothing, which is not imported because" in message
    message = fail(train, "--resume", "run", *again, "--criterion", "l2")
    assert "--resume goes on with the run's own options; leave --criterion out" in message
    message = fail(train, "--resume", "run", *again, *more, "--recovery", "more.py:nothing")
    assert "--resume goes on with the run's own options; leave --recovery out" in message
    program, *printed = shlex.split(done.out.splitlines()[-1].removeprefix("go on with: "))
    assert (program, printed[:3]) == ("python", ["-m", "amc", "train"])
    monkeypatch.chdir("/")
    succeed(train, *printed[3:])
    assert json.loads((tmp_path / "run" / "policy.json").read_text())["model"] == "own.py:build"
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["episodes"] == 6
