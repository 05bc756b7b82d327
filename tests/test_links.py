"""What the README and docs/*.md name is there: commands with their options, and what links lead to."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints
from urllib.parse import unquote

import pytest

from scripts.command.cli import parse
from scripts.commands import COMMANDS
from tests.doc_pages import INSTALLED, PAGES, README, blocks, module_of, prose

FOREIGN_OPTIONS = {"--help", "--help-all", "--version", "--logdir", "--map"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_has_the_options_it_is_given(page: Path) -> None:
    for line in shown_commands(page):
        found = module_of(shlex.split(re.sub(r"\$\w+", "0", line), comments=True))
        assert found, line
        script, words = found
        if words:  # a bare name stands for the program
            parse(script.Arguments, words)


def shown_commands(page: Path) -> Iterator[str]:
    """Our commands on a page, in blocks of any kind and within sentences."""
    fenced = [block.content.replace("\\\n", " ") for block in blocks(page)]
    spoken = [code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", prose(page))]
    names = "|".join(INSTALLED)
    for text in (*fenced, *spoken):
        for line in re.split(r"[\n;]", text):
            if found := re.search(rf"(python -m (?:amc (?=\w)|(?:scripts|benchmarks)\.\w+)|^\s*(?:{names})\b).*", line):
                yield found[0]


def option_names(arguments: type) -> Iterator[str]:
    """The options that a dataclass of arguments stands for."""
    for name, hint in get_type_hints(arguments).items():
        if dataclasses.is_dataclass(hint):
            assert isinstance(hint, type)
            yield from option_names(hint)
        else:
            yield f"--{name.rstrip('_').replace('_', '-')}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_is_named_exists(page: Path) -> None:
    text = "".join(each.read_text(encoding="utf-8") for each in PAGES)
    benchmarks = sorted(set(re.findall(r"python -m (benchmarks\.\w+)", text)))
    modules = [importlib.import_module(name) for name in (*(module for module, _ in COMMANDS.values()), *benchmarks)]
    known = {option for each in modules if hasattr(each, "Arguments") for option in option_names(each.Arguments)}
    spoken = re.findall(r"`([^`]+)`", prose(page))
    named = {option for code in spoken for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)}
    assert not named - known - FOREIGN_OPTIONS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = prose(page)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    for link in links:
        if "://" in link:
            continue
        file, _, anchor = unquote(link).partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page in links."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_names_every_installed_command() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in INSTALLED if f"`{name}`" not in text] == []
