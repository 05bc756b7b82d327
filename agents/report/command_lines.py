"""Command lines that go on from a run folder, ready to be pasted."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from amc.utils.user_file import is_user_function

SCORED = ("model", "data", "metric")
"""Arguments that decide how the results of a run are scored again."""


def check_command(folder: Path, arguments: Mapping[str, Any]) -> str:
    """The command that scores the results of the run in `folder` again, which was made with these arguments."""
    words = ["python", "-m", "scripts.evaluate", "--run-dir", str(folder)]
    return shlex.join([*words, *_users_functions(arguments, SCORED)])


def resume_command(program: str, folder: Path, arguments: Mapping[str, Any]) -> str:
    """The command that goes on with an interrupted run of `scripts.PROGRAM`, which was made with these arguments."""
    words = ["python", "-m", f"scripts.{program}", "--resume", str(folder)]
    return shlex.join([*words, *_users_functions(arguments, arguments)])


def given_options(words: Sequence[str]) -> dict[str, str]:
    """The options on a command line, by name, with the first value of each."""
    pairs = itertools.pairwise(words)
    return {option.removeprefix("--"): value for option, value in pairs if option.startswith("--")}


def _users_functions(arguments: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """The words for the user's functions among the arguments of these names: none is imported from a run's files."""
    named = [(name, arguments.get(name)) for name in names]
    functions = [(name, value) for name, value in named if isinstance(value, str) and is_user_function(value)]
    return [word for name, value in functions for word in (f"--{name.replace('_', '-')}", value)]
