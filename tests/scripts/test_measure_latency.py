import json
import re
from pathlib import Path

import pytest
from PIL import Image

from scripts import measure_latency
from scripts.work import run_latency
from tests.amc.latency.pretended import PretendedDevice
from tests.command import fail, succeed
from tests.small_network import NAME

pytestmark = pytest.mark.usefixtures("operators_are_read_once")

CLOCK = """
from amc.latency.timing import Estimate, Timing

class Clock:
    fingerprint = {{"runtime": "clock", "threads": 1, "cpu": "hands"}}

    def __init__(self, options): pass

    def measure(self, networks, example, precision, limit):
        ratio = Estimate({ratio}, {ratio} - 0.01, {ratio} + 0.01)
        return Timing([Estimate(1, 1, 1), ratio], [Estimate(1, 1, 1), ratio], rounds=9)

    def close(self): pass
"""
QUICK = ("--precision", "0.5", "--seconds", "0.2")


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch"])
def test_a_run_is_compared_with_its_original(small_run: Path, runtime: str) -> None:
    out = succeed(measure_latency, "--run-dir", small_run, "--runtime", runtime, *QUICK).out
    rows = re.findall(r"(original|pruned)\D+([\d.e-]+) \(([\d.e-]+) to ([\d.e-]+)\)\D+([\d.e-]+) \(", out)
    assert [row[0] for row in rows] == ["original", "pruned"]
    original, pruned = ([float(each) for each in row[1:]] for row in rows)
    assert original[3] == 1
    assert 0 < pruned[1] <= pruned[0] <= pruned[2]
    assert f"{runtime} " in out
    assert "1 thread(s), on local: " in out


@pytest.mark.parametrize(("ratio", "is_told"), [(1.02, True), (0.98, False)])
def test_it_is_told_where_pruning_saved_no_time(
    small_run: Path, tmp_path: Path, ratio: float, *, is_told: bool
) -> None:
    (tmp_path / "clock.py").write_text(CLOCK.format(ratio=ratio))
    done = succeed(measure_latency, small_run, "--runtime", tmp_path / "clock.py:Clock")
    assert ("note: the pruned network is not faster: " in done.err) == is_told


def test_a_network_alone_has_its_latency() -> None:
    out = succeed(measure_latency, "--model", "plain20", "--image-size", "32", "--weights", "none", *QUICK).out
    assert "│ plain20 │" in out
    assert "pruned" not in out


def test_an_interval_that_stayed_wide_is_said() -> None:
    out = succeed(measure_latency, "--runtime", "torch", "--precision", "1e-9", "--seconds", "0.1").out
    assert "The wanted precision of 0.0% was not reached in " in out


def test_layers_are_measured_printed_and_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device = PretendedDevice()
    monkeypatch.setattr(run_latency, "Device", lambda *_: device)
    words = ("--layers", "--model", NAME, "--weights", "none")
    table, pictures = tmp_path / "table.json", tmp_path / "pictures"
    out = succeed(measure_latency, *words, "--latency-table", table, "--plot", pictures).out
    layers = json.loads(table.read_text())["layers"]
    assert f" small networks measured in all, in {table}; onnxruntime 1.0, 1 thread(s), Abacus 1" in out
    drawn = sorted(pictures.iterdir())
    assert len(drawn) == len(layers)
    for picture in drawn:
        with Image.open(picture) as image:
            assert image.size[0] > 400
    before = device.models
    succeed(measure_latency, *words, "--latency-table", table)
    assert device.models == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--plot", "x"), "--latency-table and --plot go with --layers"),
        (("--layers", "--run-dir", "x"), "--layers measures the layers of --model by onnxruntime; leave RUN"),
        (("--target", "ssh:-x"), "expected --target local or ssh:[user@]host[:port], got 'ssh:-x'"),
        (("--runtime", "torc"), "unknown runtime 'torc'; did you mean torch?"),
        (("--runtime", "torch", "--target", "ssh:pi"), "--runtime torch measures on this machine only"),
        (("--threads", "0"), "expected --threads of 1 or more, got 0"),
        (("--precision", "2"), "expected --precision between 0 and 1"),
        (("--seconds", "nan"), "expected --seconds above 0"),
        (("--run-dir", "nowhere"), "expected the folder of a run at nowhere"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fail(measure_latency, *words)
