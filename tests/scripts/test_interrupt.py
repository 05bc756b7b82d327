import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

import amc
from tests.command import summary

PATIENCE = 240
"""Seconds that a busy machine may take."""


def test_ctrl_c_in_the_middle_of_a_search(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ("--episodes", "100000", "--strategy", "random", "--run-dir", folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.train", *words],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # jobs in the background ignore it
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while sum(path.stat().st_size for path in folder.glob("events*")) < 5000:  # some episodes
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out.splitlines()[-1] == f"go on with: python -m scripts.train --resume {folder}"
    assert err.splitlines()[-1] == "interrupted: saving the best policy so far"
    assert "Traceback" not in err
    assert "found policy" in out
    found = summary(folder)
    assert found["interrupted"] is True
    assert 2 <= found["episodes"] < 100_000
    names = {path.name for path in folder.iterdir() if not path.name.startswith("events.out.tfevents.")}
    assert names == {"checkpoint", "compact.safetensors", "policy.json", "report.html", "summary.json"}
    assert amc.load(folder)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
