import dataclasses
import io
import re
import sys

import numpy as np
import pytest

from agents.episode import Episode
from agents.report.terminal.progress import search_progress
from envs import Outcome


def episode(index: int, reward: float) -> Episode:
    return Episode(index, np.array([1]), reward, Outcome(1 + reward, macs=index + 1, params=1, budget_use=1.0))


def test_without_a_terminal_a_line_is_printed_at_every_tenth(capfd: pytest.CaptureFixture[str]) -> None:
    with search_progress(40, macs=80, quiet=False) as show:
        for index in range(40):
            show(episode(index, -0.25 if index == 5 else -0.5))
    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 10
    assert lines[0] == "episode 4/40: best: reward -0.5000, accuracy 50.00 %, MACs 1.2 %"
    assert lines[1] == "episode 8/40: best: reward -0.2500, accuracy 75.00 %, MACs 7.5 %"
    assert lines[9] == "episode 40/40: best: reward -0.2500, accuracy 75.00 %, MACs 7.5 %"


def test_a_users_metric_is_a_plain_number(capfd: pytest.CaptureFixture[str]) -> None:
    with search_progress(1, macs=80, quiet=False, metric="own.py:loss") as show:
        show(episode(0, -12.3))
    assert capfd.readouterr().err == "episode 1/1: best: reward -12.3000, metric -11.3000, MACs 1.2 %\n"


def test_a_terminal_of_80_columns_shows_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    for name, value in (("COLUMNS", "80"), ("LINES", "25"), ("TERM", "xterm"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", screen)
    with search_progress(2000, macs=80, quiet=False) as show:
        for index in range(2000):
            show(episode(index, -0.25))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "2000/2000" in shown
    assert "best: reward -0.2500, accuracy 75.00 %, MACs 1.2 %" in shown
    assert "…" not in shown


def test_what_exceeds_the_budget_is_no_best(capfd: pytest.CaptureFixture[str]) -> None:
    over = dataclasses.replace(episode(0, -0.1), outcome=Outcome(0.9, 70, 1, 1.75, within_budget=False))
    with search_progress(2, macs=80, quiet=False) as show:
        show(over)
        show(episode(1, -0.5))
    assert capfd.readouterr().err.splitlines() == [
        "episode 1/2: no policy within the budget yet",
        "episode 2/2: best: reward -0.5000, accuracy 50.00 %, MACs 2.5 %",
    ]


def test_few_episodes_are_all_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with search_progress(3, macs=80, quiet=False) as show:
        for index in range(3):
            show(episode(index, -0.5))
    assert capfd.readouterr().err.count("\n") == 3


def test_quiet_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with search_progress(3, macs=80, quiet=True) as show:
        show(episode(0, -0.5))
    assert capfd.readouterr() == ("", "")


def test_an_interruption_goes_through(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), search_progress(3, macs=80, quiet=False):
        raise KeyboardInterrupt
    assert capfd.readouterr().err == ""
