import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from amc.latency import connection, measuring_device
from amc.latency.bootstrap import BOOTSTRAP, bootstrap
from amc.latency.measuring_device import WAITS, Device, DeviceLostError
from amc.latency.protocol import Message, encoded, read_message
from amc.latency.target import Target, parse_target
from amc.utils.errors import UserError
from tests.amc.latency.models import multiplications

LOCAL = parse_target("local")


@pytest.fixture(scope="module")
def local() -> Iterator[Device]:
    with Device(LOCAL) as opened:
        yield opened


def test_more_work_takes_longer(local: Device) -> None:
    timing = local.measure([multiplications(4, 256), multiplications(64, 256)], precision=0.1, limit=2)
    assert timing.ratios[0] == (1.0, 1.0, 1.0)
    assert 4 < timing.ratios[1].low <= timing.ratios[1].value <= timing.ratios[1].high < 32
    assert timing.latencies[1].value > timing.latencies[0].value > 0


def test_a_network_takes_as_long_as_itself(local: Device) -> None:
    model = multiplications(16, 256)
    timing = local.measure([model, model], precision=0.02, limit=2)
    assert timing.ratios[1].value == pytest.approx(1.0, abs=0.1)


def test_the_fingerprint_names_what_latency_depends_on(local: Device) -> None:
    assert local.fingerprint["threads"] == 1
    assert local.fingerprint["cores"] == os.cpu_count()
    assert local.fingerprint["python"] == ".".join(map(str, sys.version_info[:3]))
    assert local.fingerprint["runtime"].startswith("onnxruntime ")
    assert set(local.fingerprint) == {"cpu", "cores", "system", "python", "runtime", "threads"}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (b"PK\x03\x04", "local: the runner takes no such network: it is no ONNX model"),
        (multiplications(1, operator="Unheard"), "local: ONNX Runtime .* refuses the network: .*Unheard"),
        (multiplications(1, batch="any"), r"local: expected inputs of fixed shape, got x0 of \['any', 128\]"),
    ],
)
def test_what_it_cannot_run_is_told_and_it_goes_on(local: Device, model: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        local.measure([model], limit=0.1)
    assert not isinstance(caught.value, DeviceLostError)
    assert local.measure([multiplications(1)], limit=0.1).rounds > 0


def test_a_network_that_does_not_fit_in_memory_is_told() -> None:
    rows = 60_000_000  # of 64 numbers: 15 GB
    with Device(LOCAL) as opened, pytest.raises(UserError, match="too little memory for the network"):
        opened.measure([multiplications(1, 64, batch=rows)], limit=0.1)


def test_networks_too_large_to_send_are_refused(local: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring_device, "BODY_LIMIT", 1000)
    with pytest.raises(UserError, match=r"networks of 6\d,\d{3} bytes are too large to be measured, 1,000 fit"):
        local.measure([multiplications(1)])


def pid(opened: Device) -> int:
    assert opened._connection is not None
    return opened._connection._process.pid


def test_a_runner_that_died_is_started_again() -> None:
    slept: list[float] = []
    with Device(LOCAL, sleep=slept.append) as opened:
        os.kill(pid(opened), signal.SIGKILL)
        assert opened.measure([multiplications(1)], limit=0.1).rounds > 0
    assert slept == [WAITS[0]]


def test_a_device_that_stays_away_is_lost() -> None:
    slept: list[float] = []
    with Device(LOCAL, sleep=slept.append) as opened:
        opened._target = Target("ssh:board", ("sh", "-c", "echo no route to board >&2; exit 255"))
        os.kill(pid(opened), signal.SIGKILL)
        with pytest.raises(DeviceLostError, match=r"^ssh:board went away: no route to board$"):
            opened.measure([multiplications(1)])
    assert slept == list(WAITS)


def test_a_device_that_stops_reading_is_given_up_in_time() -> None:
    opened = connection.Connection(LOCAL, 1)
    os.kill(opened._process.pid, signal.SIGSTOP)
    with pytest.raises(connection.BrokenError, match="it did not answer within 0 s"):
        opened.exchange(Message({}, bytes(2**22)), seconds=0.2)
    opened.close()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exec no-such-python", "t can't be reached: .*no-such-python"),
        ("echo 'sh: 1: python3: not found' >&2; exit 127", "t can't be reached: it has no python3"),
        ("cat > /dev/null & sleep 60", "t can't be reached: it did not answer within 0 s"),
        ("while true; do echo noise; done", "t can't be reached: expected a message"),
        (
            f"exec '{sys.executable}' -c 'import sys; sys.modules[\"onnxruntime\"] = None; {BOOTSTRAP}'",
            "t: the device's python3 .* has no package onnxruntime",
        ),
    ],
)
def test_a_device_without_what_is_needed_is_told(script: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "sleep" in script:
        monkeypatch.setattr(connection, "START_SECONDS", 0.3)
    with pytest.raises(UserError, match=message):
        Device(Target("t", ("sh", "-c", script)))


def test_a_shell_that_greets_is_read_over() -> None:
    greeting = f"echo Welcome to the board; exec '{sys.executable}' -u -c '{BOOTSTRAP}'"
    with Device(Target("t", ("sh", "-c", greeting))) as opened:
        assert opened.fingerprint["threads"] == 1


def test_a_target_without_its_program_is_told() -> None:
    with pytest.raises(UserError, match="t needs no-such-ssh, which is not installed"):
        Device(Target("t", ("no-such-ssh",)))


def test_threads_are_set() -> None:
    with Device(LOCAL, threads=2) as opened:
        assert opened.fingerprint["threads"] == 2
    with pytest.raises(UserError, match="expected threads of 1 or more, got 0"):
        Device(LOCAL, threads=0)


def test_a_measurement_ends_with_whoever_asked_for_it() -> None:
    runner = subprocess.Popen(LOCAL.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert runner.stdin is not None
    assert runner.stdout is not None
    model = multiplications(1)
    runner.stdin.write(
        bootstrap(1) + encoded(Message({"sizes": [len(model)], "precision": 0.0, "limit": 600.0}, model))
    )
    runner.stdin.flush()
    assert read_message(runner.stdout.read).header["fingerprint"]
    with pytest.raises(subprocess.TimeoutExpired):
        runner.wait(timeout=0.5)
    runner.stdin.close()  # as the system does for a process that is killed
    runner.wait(timeout=60)
    runner.stdout.close()
