from dataclasses import dataclass

import pytest

from amc.utils.errors import UserError
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Do something."""

    count: int
    """How many, in images."""
    kind: str = "plain"
    """Which kind."""


def test_arguments_reach_the_work() -> None:
    done: list[Arguments] = []
    run(done.append, Arguments, ["--count", "3"])
    assert done == [Arguments(3, "plain")]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "error: expected --count; --help lists"),
        (["--count", "many"], "error: --count: expected a whole number, got 'many'; --help lists"),
        (["--count", "3", "--kinds", "x"], "error: there is no option --kinds; did you mean --kind? --help lists"),
        (["--count", "3", "extra"], "error: unexpected 'extra'; --help lists all options"),
        (["--count"], "error: "),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(print, Arguments, argv)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.endswith("--help lists all options\n")
    assert err.count("\n") == 1
    assert not set(err) & set("│╭╮╰╯─")


def test_a_users_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work(_: Arguments) -> None:
        raise UserError("expected a file,\n got none")

    with pytest.raises(SystemExit) as stop:
        run(work, Arguments, ["--count", "3"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: expected a file, got none\n"


def test_an_interruption_has_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    def work(_: Arguments) -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        run(work, Arguments, ["--count", "3"])
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_other_errors_keep_their_traceback() -> None:
    def work(_: Arguments) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(work, Arguments, ["--count", "3"])


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(print, Arguments, ["--help"], "count")
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "How many, in images. (required)" in out
    assert "Which kind. (default: plain)" in out
    assert out.startswith("usage: python -m amc count --count N [options]\n\nDo something.\n")
