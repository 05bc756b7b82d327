"""The README and docs/*.md, followed as a reader would.

What a fenced block's first line says decides what becomes of it:

| block | what happens |
|---|---|
| `sh` | every command runs and must succeed |
| `sh refused` | its command must be refused; the `text` block below is the message |
| `sh ctrl-c` | its search is interrupted after a few policies |
| `sh long` | not run; as of every command on a page, its options must exist |
| `python` | runs; the blocks of a page share their names |
| `python NAME.py` | is written to that file |
| `jsonc NAME.json` | every name in it is in that file of a run |
| `text` | below a block that ran: every line was printed by it, up to white space |

Each page begins in a folder as another one left it, which has the packaged network pruned in `runs/my-run`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from filelock import FileLock

import amc
from amc.data import splits
from amc.scoring import evaluation
from envs import PruningProblem
from scripts.command.signals import INTERRUPTED
from tests.command import call, fail, pictures
from tests.doc_pages import PAGES, README, ROOT, Block, blocks, commands, module_of
from tests.small_network import FOR_USERS

pytestmark = pytest.mark.usefixtures("operators_are_read_once")

BEGINS_AFTER = {"README.md": None, "apply.md": "your-network.md", "run-folder.md": "your-network.md"}
"""The page whose files a page begins with; the README's for all others."""
ELSEWHERE = ("make", "source", "pip", "tensorboard")
"""Commands that are not this project's: set-up and targets that CI runs, and TensorBoard."""
PYTHON_ELSEWHERE = {"export.md"}
"""Pages whose Python another test runs (`tests/scripts/test_export.py`)."""
POLICIES_BEFORE_CTRL_C = 4
SEARCHES = {"scripts.train", "scripts.apply", "scripts.compare"}
FASTER = {"--recovery": "none", "--search-recovery": "none"}
"""What a search of a page is given besides, in a third of the time; those of the README run as they stand."""
CALIBRATION_IMAGES = 30
"""How many images networks are calibrated with by default, on all pages but the README."""
MOST = {
    **dict.fromkeys(SEARCHES, ("--episodes", 12)),
    "scripts.finetune": ("--epochs", 2),
    "scripts.measure_latency": ("--seconds", 1),
}
"""What these pages' commands are given no more of, by the name of the script."""


class Reader:
    """Follows pages, each in a folder of its own and each once, whichever of the processes that test does so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.printed: dict[Block, str] = {}
        self.names: dict[str, dict[str, Any]] = {}

    def follow(self, page: str) -> Path:
        """Run what the page says, and return its folder; where another process is at it, this waits for that one."""
        folder, done = self._folder / page, self._folder / f"{page}.done"
        with FileLock(self._folder / f"{page}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process in which it failed
                before = BEGINS_AFTER.get(page, "README.md")
                if before is None:
                    folder.mkdir()
                else:
                    shutil.copytree(self.follow(before), folder)
                with inside(folder), pictures(drawn=False), pytest.MonkeyPatch.context() as patch:
                    images = FOR_USERS if page == README.name else CALIBRATION_IMAGES
                    patch.setattr(splits, "CALIBRATION_IMAGES", images)
                    self._run(next(path for path in PAGES if path.name == page))
                if page == README.name:
                    check_readme(self, folder)
                done.touch()
        return folder

    def _run(self, page: Path) -> None:
        printed: str | None = None
        names = self.names.setdefault(page.name, {})
        for block in blocks(page):
            kind, _, what = block.info.partition(" ")
            if block.info == "text" and printed is not None:
                expect_lines(block, printed)
            printed = None
            if kind == "sh" and what != "long":
                printed = run_commands(block, what)
            elif kind == "python" and what.endswith(".py"):
                Path(what).write_text(block.content, encoding="utf-8")
            elif block.info == "python" and page.name not in PYTHON_ELSEWHERE:
                printed = run_python(block, names)
            elif kind == "jsonc":
                expect_names(block, Path("runs/my-run", what))
            if printed is not None:
                self.printed[block] = printed


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """In this folder, with its modules; they are forgotten at the end, since other folders have others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setattr(sys, "argv", sys.argv)
        patch.setattr(evaluation, "TIMED_SECONDS", 0.0)
        yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            del sys.modules[name]


def run_commands(block: Block, how: str) -> str:
    """Run a shell block in this process; returns what it printed."""
    printed = ""
    for words in commands(block.content):
        if words[0] in ELSEWHERE:
            continue
        found = module_of(words)
        assert found, f"{block}: {words[0]} is not run by this test"
        script, options = found
        sys.argv = words  # what is printed names the command as it was typed
        if how != "refused" and block.page != README.name:
            options = faster(script, options)
        if how == "refused":
            printed += fail(script, *options)
        elif how == "ctrl-c":
            printed += interrupt(script, *options)
        else:
            assert not how, f"{block}: unknown kind of block, {how}"
            done = call(script, *options)
            assert done.status == 0, f"{block}: {shlex.join(words)}\n{done.err}"
            printed += done.out + done.err
    return printed


def faster(script: ModuleType, options: list[str]) -> list[str]:
    """The options, cut down to `MOST` and with those of `FASTER`; what goes on keeps what it began with."""
    if "--resume" in options:
        return options
    name, most = MOST.get(script.__name__, ("", 0))
    if name in options:
        place = options.index(name) + 1
        options[place] = str(min(int(options[place]), most))
    if script.__name__ not in SEARCHES:
        return options
    return [*options, *(word for pair in FASTER.items() if pair[0] not in options for word in pair)]


def interrupt(script: ModuleType, *words: str) -> str:
    """Run a search as if Ctrl-C was pressed; returns what it printed."""
    outcome, scored = PruningProblem.outcome, 0

    def interrupting(problem: PruningProblem, *given: Any) -> Any:
        nonlocal scored
        scored += 1
        if scored == POLICIES_BEFORE_CTRL_C + 1:
            raise KeyboardInterrupt
        return outcome(problem, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PruningProblem, "outcome", interrupting)
        done = call(script, *words)
    assert done.status == INTERRUPTED, done.err
    return done.out + done.err


def run_python(block: Block, names: dict[str, Any]) -> str:
    """Run a Python block; returns what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block.content, str(block), "exec"), names)
    return out.getvalue()


def expect_lines(block: Block, printed: str) -> None:
    """Every line of the block is among what was printed; `...` stands for anything."""
    plain = re.sub(r"\s+", " ", printed)
    for line in block.content.splitlines():
        parts = [re.escape(part) for part in re.sub(r"\s+", " ", line).strip().split("...")]
        assert re.search(".*".join(parts), plain), f"{block}: {line!r} is not in\n{printed}"


def expect_names(block: Block, path: Path) -> None:
    """Every name in an excerpt of a JSON file is in the file."""
    known: set[str] = set()

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        known.update(name for name, _ in pairs)
        return dict(pairs)

    json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=note)
    shown = set(re.findall(r'"([^"]+)":', block.content))
    assert shown
    assert not shown - known, f"{block}: not in {path}: {shown - known}"


@pytest.fixture(autouse=True)
def backward_passes_are_marked() -> None:
    """Pages train with commands that have tests of their own; those are marked."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "pages"
    folder.mkdir(exist_ok=True)
    return Reader(folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_reader_can_follow_the_page(page: Path, reader: Reader) -> None:
    reader.follow(page.name)


def check_readme(reader: Reader, folder: Path) -> None:
    """What the README's commands and lines came to is what it says."""
    search, *_ = (block for block in blocks(README) if block.info == "python")
    assert len(search.content.strip().splitlines()) < 10
    row = r"│ (original|uniform|found) +│ [\d.]+ % +│ ([\d.]+) % +│"
    scores = {network: float(on_test) for network, on_test in re.findall(row, reader.printed[search])}
    assert scores["original"] > 98
    assert 50 < scores["uniform"] <= 100
    assert 90 < scores["found"] <= 100
    compact, loaded = amc.load(folder / "runs" / "my-run"), reader.names[README.name]["compact"]
    count = sum(parameter.numel() for parameter in loaded.parameters())
    assert count == sum(parameter.numel() for parameter in compact.parameters()) < 98_782
    left = {path.name for path in (folder / "runs" / "my-run").iterdir()}
    section = README.read_text(encoding="utf-8").partition("## What a run leaves")[2].partition("\n## ")[0]
    listed = [name.removesuffix("/") for name in re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE)]
    assert all(any(fnmatch(name, pattern) for pattern in listed) for name in left), left
    assert all(any(fnmatch(name, pattern) for name in left) for pattern in listed), listed


@pytest.mark.usefixtures("calibrated_as_for_users")
def test_the_first_command_shows_what_the_readme_says(tmp_path: Path) -> None:
    command = re.search(
        r"^train:.*\n\t\$\(BIN\)/(python -m scripts.train.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    row = re.search(r"^\| digits \(`make train`\) .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert command
    assert row
    script, words = module_of(shlex.split(command[1])) or pytest.fail(command[1])
    assert call(script, *words, "--episodes", "12", "--run-dir", tmp_path / "run", "--quiet").status == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    original, uniform, found = (
        100 * summary[f"test_accuracy_{network}"] for network in ("original", "uniform", "policy")
    )
    said = [float(share) for share in re.findall(r"\| ([\d.]+) %(?= [|(])", row[0])]
    assert said[:2] == pytest.approx([original, uniform], abs=0.5)
    assert uniform + 2 < found < original
    assert said[1] + 2 < said[2] < said[0]
