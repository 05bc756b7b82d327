"""The help of a command, laid out for a terminal."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.options.option_fields import MISSING, Option, documented, options_of_class

WIDEST = 80
"""Columns that a page has at the most, however wide the terminal is."""
COLUMN = 24
"""The column in which descriptions begin."""
NARROW = 60
"""Columns of a terminal below which descriptions stand under their options."""
HELP_ALL = "--help-all"


@dataclass(frozen=True)
class HelpPage:
    """The help of one command.

    Attributes:
        name: The command as it was typed.
        arguments: The dataclass of its options; its docstring is the description. It may name the `COMMON` options, in
            the order in which they are shown before all others, and give `EXAMPLES`: what each does, and its words; and
            `DEFAULTS`: what is said of the default of an option in place of its value.
    """

    name: str
    arguments: type

    @property
    def is_short(self) -> bool:
        """Whether the page leaves out some options, which `--help-all` shows."""
        return len(self._common) < len(list(options_of_class(self.arguments)))

    @property
    def _common(self) -> Sequence[str]:
        every = [option.name for option in options_of_class(self.arguments)]
        common: Sequence[str] = getattr(self.arguments, "COMMON", every)
        return common

    def text(self, *, whole: bool = False) -> str:
        """The page, with the common options, or the `whole` of them, in groups."""
        options = {option.name: option for option in options_of_class(self.arguments)}
        parts = [self._usage(options), *self._description()]
        if whole and self.is_short:
            owners = dict.fromkeys([self.arguments, *(option.owner for option in options.values())])
            for owner in owners:
                title = "options" if owner is self.arguments else _title(owner)
                parts.append(self._section(title, (each for each in options.values() if each.owner is owner)))
        else:
            parts += [self._examples()] * bool(self._examples())
            parts.append(self._section("options", (options[name] for name in self._common)))
            if self.is_short:
                parts.append(f"{HELP_ALL} shows {len(options) - len(self._common)} more options.")
        return "\n\n".join(part for part in parts if part) + "\n"

    def _usage(self, options: dict[str, Option]) -> str:
        words = [
            f" {_invocation(each)}" if each.default is MISSING else f" [{each.positional}]"
            for each in options.values()
            if each.positional or each.default is MISSING
        ]
        line = f"usage: {self.name}{''.join(words)} [options]"
        return textwrap.fill(line, _width(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)

    def _description(self) -> list[str]:
        paragraphs = textwrap.dedent(f"    {self.arguments.__doc__}").strip().split("\n\n")
        return ["\n".join(_wrapped(" ".join(each.split()), _width())) for each in paragraphs]

    def _examples(self) -> str:
        examples: Sequence[tuple[str, str]] = getattr(self.arguments, "EXAMPLES", ())
        lines = [line for what, words in examples for line in (*_comment(what), *self._command(words))]
        return "\n".join(["examples:", *lines]) if lines else ""

    def _section(self, title: str, options: Iterable[Option]) -> str:
        said: Mapping[str, str] = getattr(self.arguments, "DEFAULTS", {})
        entries = (line for option in options for line in _entry(option, said.get(option.name)))
        return "\n".join([*_wrapped(f"{title}:", _width()), *entries])

    def _command(self, words: str) -> list[str]:
        """A command line, broken before its options, as a shell reads it, where it is too long."""
        rows = [f"  {self.name}"]
        for option in re.split(r" (?=--)", words):
            if len(rows[-1]) + len(option) + 3 > _width():
                rows.append("   ")
            rows[-1] += f" {option}"
        return [f"{row} \\" for row in rows[:-1]] + rows[-1:]


def _comment(text: str) -> list[str]:
    return [f"  # {line}" for line in _wrapped(text, _width() - 4)]


def _width() -> int:
    return max(30, min(WIDEST, shutil.get_terminal_size().columns))


def _title(owner: type) -> str:
    return " ".join((owner.__doc__ or "").split()).partition(".")[0]


def _entry(option: Option, said: str | None) -> list[str]:
    invocation, width = f"  {_invocation(option)}", _width()
    column = COLUMN if width >= NARROW else 6
    lines = [" " * column + line for line in _wrapped(_description(option, said), width - column)]
    if len(invocation) + 2 > column:
        return [invocation, *lines]
    return [invocation.ljust(column) + lines[0].lstrip(), *lines[1:]]


def _invocation(option: Option) -> str:
    if option.form is None:
        return f"--no-{option.flag.removeprefix('--')}" if option.default is True else option.flag
    if option.positional:
        return option.positional
    return f"{option.flag} {option.form.word}{' ...' if option.many else ''}"


def _description(option: Option, said: str | None) -> str:
    """What an option is, and its default: as it is said of it, else where the text does not say it."""
    text = documented(option.owner)[option.name]
    if said is not None:
        return f"{text} (default: {said})"
    if option.default is MISSING:
        return f"{text} (required)"
    unsaid = option.form is not None and option.default not in (None, ()) and not re.search("[Dd]efault: ", text)
    return f"{text} (default: {_shown(option)})" if unsaid else text


def _shown(option: Option) -> str:
    value: Any = option.default
    assert option.form is not None, "a switch has no value to show"
    return " ".join(map(option.form.write, value if option.many else (value,)))


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a text, the last one of several words where that takes no more lines."""
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    for narrower in range(width - 1, width // 2, -1):
        if len(lines) == 1 or " " in lines[-1]:
            break
        tried = textwrap.wrap(text, narrower, break_long_words=False, break_on_hyphens=False)
        if len(tried) > len(lines):
            break
        lines = tried
    return lines
