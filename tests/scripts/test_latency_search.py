"""Searches that know latency, on a pretended device that works it out from the models it is sent."""

import hashlib
import json
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

import amc
from agents.episode import best_of
from agents.report.run_record import read_record
from amc.artifacts.onnx_conversion import unoptimised_onnx
from amc.graph.inputs import Example
from amc.latency.measuring_device import DeviceLostError
from amc.latency.table import default_path
from scripts import apply, report, train
from scripts.command import latency_connection
from tests.amc.latency.pretended import FINGERPRINT, PretendedDevice, milliseconds
from tests.command import Done, call, fail, succeed, summary
from tests.small_network import SMALL, small_resnet

pytestmark = pytest.mark.usefixtures("operators_are_read_once")

FAST = ("--recovery", "none", "--search-recovery", "none")  # latency is what matters here
FEW = (*SMALL, "--calibration-images", "50", "--reward-split", "60", "--test-images", "50", *FAST, "--quiet")


EXPORTED: dict[bytes, bytes] = {}


def exported_once(model: nn.Module, example: Example) -> onnx.ModelProto:
    """As `unoptimised_onnx`, which takes a second and is asked for the same two networks by every command."""
    key = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())).digest()
    if key not in EXPORTED:
        EXPORTED[key] = unoptimised_onnx(model, example).SerializeToString()
    return onnx.load_from_string(EXPORTED[key])


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> PretendedDevice:
    device = PretendedDevice()
    monkeypatch.setattr(latency_connection, "Device", lambda *_: device)
    monkeypatch.setattr("amc.latency.onnx_slicing.unoptimised_onnx", exported_once)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "latency-cache"))
    return device


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("latency") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency_connection, "Device", lambda *_: PretendedDevice())
        patch.setattr("amc.latency.onnx_slicing.unoptimised_onnx", exported_once)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "latency-cache"))
        succeed(train, *FEW, "--budget", "latency=0.6", "--episodes", "12", "--run-dir", folder)
    return folder


def measured(folder: Path) -> tuple[float, float]:
    """The original and the compact network of a run, as the device takes them."""
    example: Example = torch.zeros(1, 1, 8, 8)
    networks = small_resnet(), amc.load(folder)
    before, after = (milliseconds(exported_once(each, example).SerializeToString()) for each in networks)
    return before, after


def test_the_compact_network_is_within_the_latency(finished: Path) -> None:
    before, after = measured(finished)
    assert after <= 0.6 * before * 1.01
    assert after > 0.5 * before
    numbers = summary(finished)
    assert numbers["latency_before_ms"] == pytest.approx(before)
    assert numbers["latency_after_ms"] == pytest.approx(after)
    assert numbers["latency_predicted_ms"] == pytest.approx(after, rel=0.1)
    assert (numbers["target"], numbers["runtime"]) == ("local", "onnxruntime 1.0, 1 thread(s)")
    policy = json.loads((finished / "policy.json").read_text())
    assert policy["latency"] == {name: numbers[name] for name in policy["latency"]}
    assert policy["budget"] == ["latency=0.6"]


def test_what_is_read_of_such_a_run(finished: Path) -> None:
    record = read_record(finished)
    assert record.whole["latency"] == summary(finished)["latency_before_ms"]
    best = best_of(record.episodes)
    assert best is not None
    assert best.outcome.latency <= 0.6 * record.whole["latency"] * (1 + 1e-9)
    succeed(report, "--run-dir", finished)
    assert "latency left, at most" in (finished / "report.html").read_text()


def test_the_table_is_measured_once(device: PretendedDevice, finished: Path, tmp_path: Path) -> None:
    del finished
    kept = default_path(FINGERPRINT).read_bytes()
    succeed(train, *FEW, "--budget", "latency=0.7", "--strategy", "uniform", "--run-dir", tmp_path / "run")
    assert default_path(FINGERPRINT).read_bytes() == kept
    assert device.models < 60  # the calibration alone


def test_ctrl_c_and_a_lost_device_lose_nothing(
    device: PretendedDevice, monkeypatch: pytest.MonkeyPatch, finished: Path, tmp_path: Path
) -> None:
    del finished
    words = (*FEW[:-1], "--reward", "error_log_latency", "--episodes", "12", "--max-sparsity", "0.5")
    whole, begun = tmp_path / "whole", tmp_path / "begun"
    succeed(train, *words, "--run-dir", whole)

    ask, asked = device.measure, 0

    def lost(*given):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += len(given[0]) == 2  # the original and the network of an episode
        if asked > 2:
            raise DeviceLostError("local went away: it was switched off")
        return ask(*given)

    monkeypatch.setattr(device, "measure", lost)
    done = call(train, *words, "--run-dir", begun)
    assert done.status == 2
    assert f"go on with: python -m amc train --resume {begun}" in done.err
    assert done.err.endswith("error: local went away: it was switched off\n")
    monkeypatch.setattr(device, "measure", ask)
    succeed(train, "--resume", begun, "--quiet")
    assert (begun / "policy.json").read_bytes() == (whole / "policy.json").read_bytes()


def test_the_reward_is_of_what_was_measured(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    succeed(train, *FEW, "--reward", "mnasnet", "--budget", "latency=0.6", "--strategy", "uniform", "--run-dir", folder)
    (episode,) = read_record(folder).episodes
    before, after = measured(folder)
    assert episode.outcome.latency == pytest.approx(after)
    assert episode.reward == pytest.approx(episode.outcome.value * (after / (0.6 * before)) ** -0.07)


def test_widths_are_rounded_as_the_device_likes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ("--budget", "macs=0.4", "--round-to", "device", "--strategy", "uniform", "--run-dir", folder)
    succeed(train, *FEW, *words)
    groups = json.loads((folder / "policy.json").read_text())["groups"]
    assert all(group["width_after"] % 4 == 0 for group in groups)


def test_a_latency_that_no_network_reaches_names_the_least(tmp_path: Path) -> None:
    message = fail(train, *FEW, "--budget", "latency=0.001", "--run-dir", tmp_path / "run")
    assert "budget latency=0.001 can't be reached: the least that pruning can leave is" in message
    assert " ms (latency=0." in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--budget", "latency=3M"), "or an amount such as latency=3.2ms, got '3M'"),
        (("--budget", "latency=3"), "or an amount such as latency=3.2ms, got '3'"),
        (("--budget", "macs=3ms"), "or an amount such as macs=60M, got '3ms'"),
        (("--target", "pi"), "expected --target local or ssh:[user@]host[:port], got 'pi'"),
        (("--target-threads", "0"), "expected --target-threads of 1 or more, got 0"),
        (("--budget", "latency=0.5", "--latency-table", "README.md"), "README.md"),
        (("--round-to", "devise"), "expected --round-to auto, device or a whole number of channels above 0"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], expected: str) -> None:
    assert expected in fail(train, *FEW, *words)


def test_a_policy_with_a_latency_is_applied_within_it(finished: Path, tmp_path: Path) -> None:
    done: Done = succeed(apply, *FEW, "--policy", finished / "policy.json", "--run-dir", tmp_path / "run")
    assert done.out == ""
    assert summary(tmp_path / "run")["latency_after_ms"] == summary(finished)["latency_after_ms"]
