import io
import re
import sys

import pytest

from amc.utils.progress_bar import progress_bar


def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """From now on, what a terminal of 80 columns is sent on standard error."""
    screen = io.StringIO()
    for name, value in (("COLUMNS", "80"), ("LINES", "25"), ("TERM", "xterm"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def shown(screen: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


def test_a_terminal_shows_how_much_is_done_and_of_what(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_bar("reading images", 500) as bar:
        bar.update(100)
        bar.update(500)
    assert re.search(r"500/500 .*reading images", shown(screen))


def test_the_total_and_the_text_may_be_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_bar("measuring") as bar:
        bar.update(3, 12)
        bar.update(text="measured again")
    assert re.search(r" 3/12 .*measured again", shown(screen))


def test_what_was_done_before_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_bar(total=4, done=3):
        pass
    assert "3/4" in shown(screen)


def test_a_share_is_shown_in_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_bar(total=1.0, in_percent=True) as bar:
        bar.update(0.25)
    assert "25%" in shown(screen)


def test_a_terminal_has_the_bar_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_bar(total=2) as bar:
        bar.print_tenth("step", 1, 2, "a line")
    assert "a line" not in shown(screen)


def test_without_a_terminal_there_is_a_line_at_every_tenth_and_no_bar(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar("reading images", 20) as bar:
        for number in range(1, 21):
            bar.update(number)
            bar.print_tenth("step", number, 20, "well")
    assert capfd.readouterr() == ("", "".join(f"step {number}/20: well\n" for number in range(2, 21, 2)))


def test_without_a_terminal_progress_in_leaps_prints_a_line_at_each_further_tenth(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with progress_bar("measuring", 40) as bar:
        for done in (1, 2, 3, 5, 13, 14, 40):
            bar.advance("measuring", done, 40)
    assert capfd.readouterr().err.splitlines() == [f"measuring: {done} of 40" for done in (5, 13, 40)]


def test_without_a_terminal_slow_progress_prints_a_line_every_half_minute(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    monkeypatch.setattr("time.monotonic", lambda: seconds)
    with progress_bar("measuring", 1000) as bar:
        for done in range(1, 11):
            seconds += 10.0
            bar.advance("measuring", done, 1000)
    assert capfd.readouterr().err.splitlines() == [f"measuring: {done} of 1000" for done in (4, 8)]


def test_quiet_shows_nothing_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_bar("reading images", 20, quiet=True) as bar:
        bar.update(20)
        bar.print_tenth("step", 20, 20, "well")
    assert screen.getvalue() == ""
