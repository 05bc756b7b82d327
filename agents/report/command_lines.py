"""Command lines that go on from a run folder, ready to be pasted from any directory.

Nothing that a run's files name is imported by itself, so a user's own functions are given again in each of them.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.report.python_lines import python_lines, report_line
from amc.artifacts.lasting_options import absolute, lasting_options
from amc.artifacts.run_folder import PYTHON
from amc.networks.sources import has_name
from amc.utils.program import command_words, words_for
from amc.utils.user_file import is_user_function

NEXT = {
    "evaluate": ("model", "data", "metric"),
    "finetune": ("model", "data", "metric"),
    "export": ("model",),
    "latency": ("model",),
    "report": (),
}
"""The commands that go on from a finished run, and the options of the run that each takes over."""
TUNES = "finetune"
PROGRAMS = ("train", "apply", TUNES)
"""The commands that make runs; Python makes others."""
PURPOSES = {
    "evaluate": "evaluate the result",
    TUNES: "tune it",
    "export": "export it",
    "latency": "measure its latency",
}
"""What the commands that go on from a run are for."""


def next_commands(folder: Path, arguments: Mapping[str, Any], *, tuned: bool = False) -> dict[str, str]:
    """The commands that evaluate, tune, export and measure the results of a run, by the name of the command.

    Left out are fine-tuning of what is `tuned`, and those that can't run, since they need a network or images that only
    Python knew.

    Args:
        folder: The run folder.
        arguments: The options of the run by name.
        tuned: Whether the run was a fine-tuning.
    """
    commands = [name for name in ("evaluate", TUNES, "export", "latency") if _can_run(name, arguments)]
    return {name: run_command(name, folder, arguments) for name in commands if not (tuned and name == TUNES)}


def next_lines(folder: Path, arguments: Mapping[str, Any], *, tuned: bool = False) -> str:
    """What a command prints last, a line each: the commands of `next_commands`."""
    commands = next_commands(folder, arguments, tuned=tuned).values()
    return "\n".join(["to go on from here:", *(f"  {command}" for command in commands)]) if commands else ""


def run_command(name: str, folder: Path, arguments: Mapping[str, Any]) -> str:
    """The command of that name for the run in `folder`, which was made with these options."""
    words = [*command_words(name), str(absolute(folder))]
    return shlex.join([*words, *_users_functions(arguments, NEXT[name])])


def resume_command(program: str, folder: Path, arguments: Mapping[str, Any]) -> str:
    """The command that goes on with an interrupted run of a program, which was made with these options."""
    words = [*command_words(program), "--resume", str(absolute(folder))]
    return shlex.join([*words, *_users_functions(arguments, arguments)])


def given_options(words: Sequence[str]) -> dict[str, str]:
    """The options on a command line, by name, with the first value of each."""
    pairs = itertools.pairwise(words)
    return {option.removeprefix("--"): value for option, value in pairs if option.startswith("--")}


def steps(
    program: str, words: Sequence[str], folder: Path, arguments: Mapping[str, Any] | None, *, tuned: bool = False
) -> list[tuple[str, str]]:
    """What a page shows of commands: what each is for, and its line; a line of Python where only Python can go on.

    Args:
        program: The command that made the run, or `python`.
        words: The words of its command line.
        folder: The run folder.
        arguments: The options of the run by name; None for a run that has not ended.
        tuned: Whether the run was a fine-tuning.
    """
    is_python = program == PYTHON
    rows = [("make it again", shlex.join([*command_words(program), *words]))] if program in PROGRAMS else []
    if arguments is not None:
        lines = next_commands(folder, arguments, tuned=tuned)
        if is_python:
            lines = python_lines(folder, arguments) | lines
        wanted = [name for name in PURPOSES if name in lines and not (tuned and name == TUNES)]
        rows += [(PURPOSES[name], lines[name]) for name in wanted]
    again = report_line(folder) if is_python else run_command("report", folder, {})
    return [*rows, ("write this page again", again)]


def _can_run(command: str, arguments: Mapping[str, Any]) -> bool:
    model = arguments.get("model")
    findable = isinstance(model, str) and (has_name(model) or is_user_function(model))
    return findable and bool(arguments.get("data") or "data" not in NEXT[command])


def _users_functions(arguments: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    named = lasting_options({name: arguments.get(name) for name in names})
    functions = {name: value for name, value in named.items() if isinstance(value, str) and is_user_function(value)}
    return words_for(functions)
