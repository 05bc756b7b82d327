import io
import re
import sys

import pytest

from agents.report.terminal.training_bar import training_bar
from amc.training.training_progress import Epoch, TrainingProgress

NEW = TrainingProgress(0.5, (), {}, {})


def lines(error: str) -> list[str]:
    return [re.sub("; about .* left$", "", line) for line in error.splitlines()]


def test_every_epoch_is_a_line_with_its_loss_and_score(capfd: pytest.CaptureFixture[str]) -> None:
    with training_bar(3, "top1", NEW, quiet=False) as bar:
        for number, score in enumerate((0.4, 0.6, 0.55), 1):
            bar.step(number / 3, 2 / number)
            bar.epoch(number, Epoch(2 / number, score))
    out, err = capfd.readouterr()
    assert out == ""
    assert lines(err) == [
        "epoch 1/3: loss 2.000, reward images 40.00 %",
        "epoch 2/3: loss 1.000, reward images 60.00 %, best so far",
        "epoch 3/3: loss 0.667, reward images 55.00 %",
    ]


def test_lines_say_how_long_the_rest_takes(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 10.0, 40.0))  # begun, after the first of ten steps, after the first of two epochs
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    with training_bar(2, "top1", NEW, quiet=False) as bar:
        bar.step(0.1, 1.0)
        bar.step(0.5, 1.0)
        bar.epoch(1, Epoch(1.0, 0.4))
        bar.epoch(2, Epoch(1.0, 0.4))
    first, last = capfd.readouterr().err.splitlines()
    assert first.endswith("; about 37.5 s left")  # 30 s for 4 of ten steps, and 5 are left
    assert "left" not in last


def test_a_long_training_has_50_lines_and_the_last_epoch_is_one(capfd: pytest.CaptureFixture[str]) -> None:
    with training_bar(101, "top1", NEW, quiet=False) as bar:
        for number in range(1, 102):
            bar.epoch(number, Epoch(1.0, 0.4))
    found = lines(capfd.readouterr().err)
    assert len(found) <= 50
    assert found[-1].startswith("epoch 101/101: ")


def test_what_goes_on_knows_the_best_so_far(capfd: pytest.CaptureFixture[str]) -> None:
    past = TrainingProgress(0.5, (Epoch(1.0, 0.7),), {}, {})
    with training_bar(2, "top1", past, quiet=False) as bar:
        bar.epoch(2, Epoch(1.0, 0.6))
    assert lines(capfd.readouterr().err) == ["epoch 2/2: loss 1.000, reward images 60.00 %"]


def test_a_users_metric_is_a_plain_number(capfd: pytest.CaptureFixture[str]) -> None:
    with training_bar(1, "own.py:loss", TrainingProgress(-12.0, (), {}, {}), quiet=False) as bar:
        bar.epoch(1, Epoch(1.0, -11.3))
    assert lines(capfd.readouterr().err) == ["epoch 1/1: loss 1.000, reward images -11.3000, best so far"]


def test_a_terminal_of_80_columns_shows_the_epoch_and_keeps_a_line_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    for name, value in (("COLUMNS", "80"), ("LINES", "25"), ("TERM", "xterm"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", screen)
    with training_bar(100, "top1", NEW, quiet=False) as bar:
        for number in range(1, 101):
            bar.step((number - 0.75) / 100, 1.0)
            bar.epoch(number, Epoch(1.0, 0.4))
        bar.step(1.0, 1.0)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "epoch 100/100: 100 % of it, loss 1.000, best 50.00 %" in shown
    assert "…" not in shown
    assert all(f"epoch {number}/100: loss 1.000, reward images 40.00 %" in shown for number in range(1, 101))


def test_quiet_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with training_bar(1, "top1", NEW, quiet=True) as bar:
        bar.note("a note")
        bar.step(1.0, 1.0)
        bar.epoch(1, Epoch(1.0, 0.4))
    assert capfd.readouterr() == ("", "")
