"""The help of the commands, and how it is asked for."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import amc
from amc.utils import program
from scripts.command.cli import parse
from scripts.command.help_page import HelpPage
from scripts.commands import COMMANDS, main

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "numpy", "matplotlib", "gymnasium", "stable_baselines3", "PIL", "scipy", "rich", "msgspec")
TYPED = {
    "amc": "amc {}",
    "amc-train": "amc-train",
    "/usr/bin/amc.exe": "amc {}",
    "pytest": "python -m amc {}",
}


def page(command: str, *, whole: bool = False, name: str = "amc") -> str:
    arguments = importlib.import_module(COMMANDS[command][0]).Arguments
    return HelpPage(f"{name} {command}", arguments).text(whole=whole)


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_terminal(command: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for whole in (False, True):
        for line in page(command, whole=whole, name="python -m amc").splitlines():
            # a word alone can be longer, as can an option with its value
            is_command = columns < 80 and re.match(r"  +(python -m amc|--\S+ \S+( \\)?$)", line)
            assert len(line) <= min(columns, 80) or len(line.split()) == 1 or is_command, line


@pytest.mark.parametrize("command", COMMANDS)
def test_descriptions_hang_in_one_column_and_end_in_no_single_short_word(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = page(command, whole=True).splitlines()
    described = [line for line in lines if re.match(r" {24}\S", line)]
    assert all(re.match(r"(\S| {2}\S| {24}\S| {4}--|$)", line) for line in lines)
    assert [line for line in described if len(line.split()) == 1 and len(line.strip()) < 10] == []


def test_the_options_that_everyone_needs_come_with_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = page("train")
    assert shown.startswith("usage: amc train [options]\n")
    options = re.findall(r"^  (--\S+)", shown, re.MULTILINE)
    assert len(options) == 13
    assert len(re.findall(r"^  # ", shown, re.MULTILINE)) == 4
    (more,) = re.findall(r"--help-all shows (\d+) more options\.", shown)
    assert len(re.findall(r"^  --\S+", page("train", whole=True), re.MULTILINE)) == 13 + int(more)


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_read(command: str) -> None:
    arguments = importlib.import_module(COMMANDS[command][0]).Arguments
    assert arguments.EXAMPLES
    for _, words in arguments.EXAMPLES:
        read = parse(arguments, words.split())
        if hasattr(read, "check"):
            read.check()


@pytest.mark.parametrize("words", [["train", "--help"], ["latency", "--help-all"], ["--help"], ["--version"], []])
def test_nothing_heavy_is_imported_for_help(words: list[str]) -> None:
    program = (
        "import sys; from scripts.commands import main; sys.argv[0] = 'amc'\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        f"assert not set({HEAVY}) & set(sys.modules), set({HEAVY}) & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith(("usage: amc ", amc.__version__))


@pytest.mark.parametrize("started", TYPED)
def test_a_command_is_called_as_it_was_typed(started: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    assert program.typed_name("train") == TYPED[started].format("train")


@pytest.mark.parametrize(
    ("words", "name"),
    [(("-m", "scripts.train"), "python -m scripts.train"), (("-m", "amc", "train"), "python -m amc train")],
)
def test_a_command_that_is_run_as_a_module_is_called_so(words: tuple[str, ...], name: str) -> None:
    done = subprocess.run([sys.executable, *words, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: {name} [options]\n")


def test_the_way_from_a_network_to_a_file_is_five_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["amc", "--help"])
    main()
    out = capsys.readouterr().out
    way = re.findall(r"^  amc (\w+) (.+)$", out, re.MULTILINE)
    assert [command for command, _ in way] == ["describe", "train", "finetune", "evaluate", "export"]
    for command, words in way:
        parse(importlib.import_module(COMMANDS[command][0]).Arguments, words.split())
    assert all(re.search(rf"^  {command} ", out, re.MULTILINE) for command in COMMANDS)
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("trian", "did you mean train?"),
        ("prune", "did you mean train?"),
        ("measure-latency", "did you mean latency?"),
        ("x", "there are"),
    ],
)
def test_an_unknown_command_is_one_line(
    word: str, meant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["amc", word])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: unknown command {word!r}; {meant}")
    assert err.count("\n") == 1
