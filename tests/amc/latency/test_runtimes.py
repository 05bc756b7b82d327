from pathlib import Path

import pytest
import torch

from amc.latency.eager import Eager
from amc.latency.runtimes import RuntimeOptions, find_runtime
from amc.utils.errors import UserError
from scripts import measure_latency
from tests.command import fail, succeed

OWN = """
from amc.latency.timing import Estimate, Timing

class Counting:
    \"\"\"As many seconds as the network has parameters.\"\"\"

    def __init__(self, options):
        self.fingerprint = {"runtime": "abacus", "threads": options.threads, "cpu": "beads"}

    def measure(self, networks, example, precision, limit):
        counts = [float(sum(each.numel() for each in network.parameters())) for network in networks]
        alike = [Estimate(count, count, count) for count in counts]
        return Timing(alike, [Estimate(count / counts[0], 1.0, 1.0) for count in counts], 1)

    def close(self):
        print("closed")
"""


def test_the_users_own_runtime_measures(tmp_path: Path) -> None:
    (tmp_path / "own_runtime.py").write_text(OWN)
    words = ("--runtime", f"{tmp_path}/own_runtime.py:Counting", "--threads", "3")
    out = succeed(measure_latency, *words).out
    assert "9.878e+04" in out
    assert "abacus, 3 thread(s), on local: beads" in out
    assert out.startswith("closed\n")


def test_runtimes_have_names_or_are_given() -> None:
    assert isinstance(find_runtime("torch")(RuntimeOptions()), Eager)
    assert find_runtime(lambda options: Eager(torch.device("cpu"), options.threads))(RuntimeOptions(threads=2))
    with pytest.raises(UserError, match=r"^runtime='torch' measures on this machine only, got target='ssh:pi'$"):
        find_runtime("torch")(RuntimeOptions(target="ssh:pi"))
    message = "unknown runtime 'tvm'; there are onnxruntime, torch, or give path/to/file.py:function"
    assert message in fail(measure_latency, "--runtime", "tvm")
