"""Command lines that go on from a run folder, ready to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amc.utils.user_file import is_user_function


def check_command(folder: Path, arguments: Mapping[str, Any]) -> str:
    """The command that scores the results of the run in `folder` again, which was made with these arguments."""
    return shlex.join(["python", "-m", "scripts.evaluate", "--run-dir", str(folder), *_users_functions(arguments)])


def resume_command(program: str, folder: Path, arguments: Mapping[str, Any]) -> str:
    """The command that goes on with an interrupted run of `scripts.PROGRAM`, which was made with these arguments."""
    words = ["python", "-m", f"scripts.{program}", "--resume", str(folder)]
    return shlex.join([*words, *_users_functions(arguments)])


def _users_functions(arguments: Mapping[str, Any]) -> list[str]:
    """The words for the user's functions among a run's arguments: none is imported from files."""
    named = {option: arguments.get(option) for option in ("model", "data", "metric")}
    return [word for option, name in named.items() if name and is_user_function(name) for word in (f"--{option}", name)]
