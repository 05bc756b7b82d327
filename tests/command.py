"""Entry points called in this process, as from the command line."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from scripts.cli import run

FIRST_FIGURE = re.compile(r"original: .*\n")


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


def call(script: ModuleType, *words: str | Path) -> Done:
    """Run the function of the script's own name with these words behind the command."""
    work = getattr(script, script.__name__.rpartition(".")[2])
    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run(work, script.Arguments, list(map(str, words)))
        except SystemExit as stop:
            status = stop.code
    return Done(status, out.getvalue(), err.getvalue())


def succeed(script: ModuleType, *words: str | Path) -> Done:
    """As `call`; the command must end well."""
    done = call(script, *words)
    assert done.status == 0, done.err
    return done


def fail(script: ModuleType, *words: str | Path) -> str:
    """As `call`; the command must refuse in one line, which is returned, whether or not the original is scored yet."""
    done = call(script, *words)
    assert (done.status, FIRST_FIGURE.sub("", done.out)) == (2, ""), done
    assert done.err.startswith("error: ")
    assert done.err.endswith("\n")
    assert done.err.count("\n") == 1
    return done.err


def summary(folder: Path) -> dict[str, Any]:
    """The summary of a run."""
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content
