import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import amc
from scripts.command.signals import raise_on_signals
from tests.command import summary
from tests.small_network import SMALL, program

ROOT = Path(__file__).parents[2]
FAST = ("--recovery", "none", "--search-recovery", "none")
PATIENCE = 240
"""Seconds that a busy machine may take."""


@contextlib.contextmanager
def interrupted_search(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A search that has scored some policies, and has been sent Ctrl-C."""
    words = (*SMALL, "--episodes", "100000", "--strategy", "random", *FAST)
    process = subprocess.Popen(
        [*program("train"), *words, "--run-dir", folder],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # jobs in the background ignore it
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while sum(path.stat().st_size for path in folder.glob("events*")) < 20_000:  # some episodes
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        yield process
    finally:
        process.kill()


def test_ctrl_c_in_the_middle_of_a_search(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with interrupted_search(folder) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert out.splitlines()[-1] == f"go on with: python -m amc train --resume {folder}"
    said, *made = err[err.index("interrupted") :].splitlines()
    seconds = re.fullmatch(
        r"interrupted: saving the best policy so far takes about (\d+) s; a second Ctrl-C leaves at once, and --resume"
        " goes on",
        said,
    )
    assert seconds
    assert 1 <= int(seconds[1]) < PATIENCE
    count = int(made[0][-1])  # how many there were
    best = [f"making the best {count} again, with none recovery: {number} of {count}" for number in range(1, count + 1)]
    assert made[:count] == best
    assert made[-1].startswith("scoring on the test images: ")
    assert "Traceback" not in err
    assert "│ found " in out
    found = summary(folder)
    is_among_the_best = found["uniform_accuracy"] in [each["reward_accuracy"] for each in found["finalists"]]
    assert "making the uniform policy" in made or is_among_the_best
    assert found["interrupted"] is True
    assert 2 <= found["episodes"] < 100_000
    names = {path.name for path in folder.iterdir() if not path.name.startswith("events.out.tfevents.")}
    assert names == {"checkpoint", "compact.safetensors", "policy.json", "report.html", "summary.json"}
    assert amc.load(folder)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_a_second_ctrl_c_leaves_at_once_with_the_policy_on_the_disk(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with interrupted_search(folder) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("making the best"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert out.splitlines()[-1] == f"go on with: python -m amc train --resume {folder}"
    assert "Traceback" not in err
    assert not (folder / "summary.json").exists()
    assert (folder / "checkpoint").is_dir()
    assert amc.load(folder)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize("command", [["-m", "scripts.train"], ["amc-train"]])
def test_ctrl_c_while_the_command_imports_is_one_word(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "amc-train").write_text("from scripts.train import main\nmain()\n")  # as pip writes it
    (tmp_path / "torch.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"  # what takes long to import
    )
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_ends_by_an_exception(number: signal.Signals) -> None:
    former = signal.signal(number, signal.SIG_DFL)  # nohup ignores one of them
    try:
        with pytest.raises(SystemExit) as stop, raise_on_signals():
            os.kill(os.getpid(), number)
        assert stop.value.code == 128 + number
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, former)


def test_nohup_is_heeded() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raise_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)
