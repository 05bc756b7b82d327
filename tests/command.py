"""Entry points called in this process, as from the command line."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from torch.utils.tensorboard import SummaryWriter

from agents.report import charts
from agents.report.tensorboard.board import Board
from scripts.command.cli import run

FIRST_FIGURE = re.compile(r"original: .*\n")
ASKED_FOR = {"CostPoint", "as_png", "latency_by_width", "run_lines", "search_overview", "training_curves"}
"""What of `agents.report.charts` is more than the figures of pages and of TensorBoard, which every run has."""


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


def call(script: ModuleType, *words: str | Path, drawn: bool = False) -> Done:
    """Run the function of the script's own name with these words behind the command, its pictures drawn or not."""
    work = getattr(script, script.__name__.rpartition(".")[2])
    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pictures(drawn=drawn):
        try:
            run(work, script.Arguments, list(map(str, words)))
        except SystemExit as stop:
            status = stop.code
    return Done(status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def pictures(*, drawn: bool) -> Iterator[None]:
    """Whether charts are drawn and rendered, which takes longer than a small search."""
    with pytest.MonkeyPatch.context() as patch:
        if not drawn:
            for name in charts.HOMES.keys() - ASKED_FOR:
                patch.setattr(charts, name, lambda *_, **__: None)
            patch.setattr(charts, "inline_svg", _undrawn)
            patch.setattr(Board, "_pictures", lambda *_: None)
            patch.setattr(SummaryWriter, "add_figure", lambda *_: None)
        yield


def _undrawn(_: Any, __: str, alternative: str) -> str:
    return f'<svg role="img" aria-label="{escape(alternative)}"></svg>'


def succeed(script: ModuleType, *words: str | Path, drawn: bool = False) -> Done:
    """As `call`; the command must end well."""
    done = call(script, *words, drawn=drawn)
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
