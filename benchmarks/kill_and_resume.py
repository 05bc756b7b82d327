"""Searches that are killed at random moments and resumed, compared with one that is not interrupted."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agents.checkpoint import latest_checkpoint
from amc.artifacts.policy import POLICY_FILE
from amc.artifacts.snapshots import CHECKPOINT_FOLDER
from amc.utils.errors import UserError
from benchmarks.runs import machine
from scripts.command.cli import run

POLL = 0.02  # seconds


@dataclass(frozen=True)
class Arguments:
    """Kill (SIGKILL) runs on the packaged network at random moments, resume each, and compare their policy files."""

    out: Path
    """Folder for the run folders, new or empty."""
    kills: int = 20
    """Runs that are killed, each once."""
    episodes: int = 60
    """Policies that are scored in a run; a quarter of them are its warm-up."""
    seed: int = 0
    """Seed of the moments."""


def kill_and_resume(arguments: Arguments) -> None:
    """Run searches, kill and resume them, compare their policies, and print a table.

    Raises:
        UserError: A run ended differently.
    """
    words = ("--episodes", str(arguments.episodes))
    start = time.perf_counter()
    whole = arguments.out / "whole"
    _train(*words, "--run-dir", str(whole)).wait()
    longest = time.perf_counter() - start
    expected = _digest(whole)
    print(f"{machine()}\n")
    print("| kill | after its first checkpoint | episodes in the last checkpoint | policy.json |")
    print("|---|---|---|---|")
    rng = np.random.default_rng(arguments.seed)
    same = 0
    for kill in range(arguments.kills):
        folder = arguments.out / f"kill-{kill:02d}"
        process = _train(*words, "--run-dir", str(folder))
        while not any((folder / CHECKPOINT_FOLDER).glob("episode-*")) and process.poll() is None:
            time.sleep(POLL)
        delay = rng.uniform(0, longest / 2)  # the other half is spent before and after the search
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        episodes = len(latest_checkpoint(folder)[0].past.episodes)
        if not (folder / POLICY_FILE).exists():
            _train("--resume", str(folder)).wait()
        found = _digest(folder)
        same += found == expected
        print(
            f"| {kill} | {delay:.1f} s | {episodes} | {'identical' if found == expected else 'DIFFERS'} |", flush=True
        )
    if same < arguments.kills:
        raise UserError(f"{arguments.kills - same} of {arguments.kills} runs ended differently")


def _train(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "scripts.train", "--quiet", *words])


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / POLICY_FILE).read_bytes()).hexdigest()


def main() -> None:
    """Run as a command."""
    run(kill_and_resume, Arguments)


if __name__ == "__main__":
    main()
