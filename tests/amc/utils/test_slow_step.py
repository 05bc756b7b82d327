import time

import pytest

from amc.utils import slow_step
from amc.utils.slow_step import told_if_slow


def test_a_slow_step_is_named_while_it_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(slow_step, "SLOW", 0.0)
    said = ""
    with told_if_slow("choosing channels"):
        deadline = time.monotonic() + 60
        while not said and time.monotonic() < deadline:
            said = capsys.readouterr().err
    assert said == "choosing channels\n"


def test_a_quick_one_is_not_and_a_quiet_command_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(slow_step, "SLOW", 0.2)
    with told_if_slow("choosing channels"):
        pass
    with told_if_slow("choosing channels", quiet=True):
        time.sleep(0.4)
    assert capsys.readouterr() == ("", "")


def test_an_error_passes_and_nothing_is_said_afterwards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(slow_step, "SLOW", 0.2)
    with pytest.raises(ValueError, match="no weights"), told_if_slow("choosing channels"):
        raise ValueError("no weights")
    time.sleep(0.4)
    assert capsys.readouterr().err == ""
