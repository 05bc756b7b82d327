"""The README and docs/*.md as tests read them: fenced blocks, and the commands in them."""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from scripts.commands import COMMANDS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INSTALLED = {name: target.partition(":")[0] for name, target in PROJECT["scripts"].items() if name != "amc"}


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, what its first line says, and its lines."""

    page: str
    line: int
    info: str
    content: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [Block(page.name, text[: each.start()].count("\n") + 1, each[1].strip(), each[2]) for each in found]


def commands(content: str) -> Iterator[list[str]]:
    """The words of each line of a shell block."""
    for line in content.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def module_of(words: list[str]) -> tuple[ModuleType, list[str]] | None:
    """The entry point that a command runs, and its options; None where it is not one of ours."""
    if words[:3] == ["python", "-m", "amc"]:
        words = words[2:]
    if words[0] == "amc":
        return importlib.import_module(COMMANDS[words[1]][0]), words[2:]
    if words[:2] == ["python", "-m"] and words[2].startswith(("scripts.", "benchmarks.")):
        return importlib.import_module(words[2]), words[3:]
    if words[0] in INSTALLED:
        return importlib.import_module(INSTALLED[words[0]]), words[1:]
    return None


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
