"""What commands import before they draw."""

import subprocess
import sys

IMPORTING = """
import sys
from scripts.work import run_describe, run_evaluate, run_export, run_latency, run_train
assert "torch" in sys.modules
assert "matplotlib" not in sys.modules
"""


def test_commands_import_no_charts_before_they_draw() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
