"""Workers of a parent that imports nothing heavy."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from amc.scoring.engines import parent_process

PROGRAM = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor

import parent_process

def work(seconds):
    print("working", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    pool = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), initializer=parent_process.end_with_parent)
    with parent_process.leaving_ctrl_c():
        tasks = [pool.submit(work, 600) for _ in range(2)]
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        print("answered", flush=True)
        time.sleep(600)
"""


def test_workers_end_when_their_parent_is_killed_and_leave_ctrl_c_to_it(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "parent_process.py").write_text(Path(parent_process.__file__).read_text())
    process = subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["working\n"] * 2
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.stdout.readline() == "answered\n"
    process.kill()
    _, err = process.communicate(timeout=60)  # which ends when the last process that could write is gone
    assert "KeyboardInterrupt" not in err
