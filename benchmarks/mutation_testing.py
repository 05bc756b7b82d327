"""Mutation testing: mistakes are drawn by a seed, made one at a time in a copy, and tests are run until one fails.

    python -m benchmarks.mutation_testing --list runs/mutants.json --out runs/noticed.jsonl --coverage .coverage

draws the list if it is not there (else takes it: the same mistakes on a later tree) and appends a line for each
mistake to `--out`. `--coverage` is the file that `pytest --cov --cov-context=test` of pytest-cov leaves, which tells
the tests that run a line. Without it a mistake is tried on the test file that mirrors its own alone.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib.figure  # noqa: F401  # imported once, before the forks
import numpy as np
import pytest
import stable_baselines3  # noqa: F401
import torch.utils.tensorboard
import torchvision  # noqa: F401

from benchmarks.mutations import Mutant, mutants
from scripts.command.cli import parse

FOLDERS = ("amc", "envs", "agents", "scripts")
"""The folders that mistakes are made in."""
LONGEST_TEST = 60
"""The seconds after which a test hangs: that is noticed."""
MOST_TESTS = 200
"""The number of tests that are run for a mistake, at the most."""


@dataclass(frozen=True)
class Arguments:
    """Draw mistakes by a seed, make one at a time in a copy of the tree, and note which test fails first."""

    list: Path
    """JSON file of the mistakes, which are drawn where it does not exist."""
    out: Path
    """A line of JSON for each mistake is appended here; those that are there are not tried again."""
    seed: int = 0
    """Seed of the draw."""
    count: int = 60
    """Mistakes that are drawn."""
    coverage: Path | None = None
    """Data file of coverage.py with a context for each test: which tests run which line."""
    durations: Path | None = None
    """Output of `pytest -vv --durations=0`: cheap tests run first."""
    earlier: Path | None = None
    """The `--out` of an earlier tree: the test that failed there runs first."""
    seconds: float = 90.0
    """Seconds for the tests of one mistake; where none failed by then, it was not noticed."""


def mutation_testing(arguments: Arguments) -> None:
    """Draw the mistakes, try those that are left, and append a line for each."""
    if not arguments.list.exists():
        drawn = [dataclasses.asdict(each) for each in draw(arguments.seed, arguments.count)]
        arguments.list.write_text(json.dumps(drawn, indent=1), encoding="utf-8")
    listed = [Mutant(**each) for each in json.loads(arguments.list.read_text(encoding="utf-8"))]
    done = _killers(arguments.out)
    earlier = _killers(arguments.earlier) if arguments.earlier else {}
    costs = _durations(arguments.durations)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy_tree(copy)
        for index, mutant in enumerate(listed):
            if index in done:
                continue
            tests = _covering(arguments.coverage, mutant, costs)
            start = time.perf_counter()
            stages = [[earlier.get(index) or ""], [_mirror(mutant.path)], tests]
            killer = _try(copy, mutant, stages, arguments.seconds)
            line = {"index": index, "killer": killer, "covering": len(tests), "seconds": time.perf_counter() - start}
            with arguments.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line | dataclasses.asdict(mutant)) + "\n")
            print(f"{index} {mutant.path}:{mutant.line} {mutant.kind}: {killer or 'NOT NOTICED'}", flush=True)


def draw(seed: int, count: int) -> list[Mutant]:
    """A number of mistakes on lines that are drawn at random, each at most once, among all that could have one."""
    rng = np.random.default_rng(seed)
    lines: dict[tuple[str, int], list[Mutant]] = {}
    for folder in FOLDERS:
        for path in sorted(Path(folder).rglob("*.py")):
            for each in mutants(str(path), path.read_text(encoding="utf-8")):
                lines.setdefault((each.path, each.line), []).append(each)
    chosen = rng.choice(len(lines), size=count, replace=False)
    candidates = list(lines.values())
    return [candidates[index][rng.integers(len(candidates[index]))] for index in sorted(chosen)]


def _copy_tree(folder: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, folder / name)


def _try(copy: Path, mutant: Mutant, stages: list[list[str]], seconds: float) -> str | None:
    """The first test that fails with this mistake; None if none does."""
    path = copy / mutant.path
    right = path.read_text(encoding="utf-8")
    end = time.monotonic() + seconds
    try:
        path.write_text(mutant.applied(right), encoding="utf-8")
        for stage in stages:
            tests = [test for test in stage if test and (copy / test.partition("::")[0]).exists()]
            if tests and end > time.monotonic() and (killer := _first_failure(copy, tests, end - time.monotonic())):
                return killer
    finally:
        path.write_text(right, encoding="utf-8")
    return None


def _first_failure(copy: Path, tests: list[str], seconds: float) -> str | None:
    """The first of these tests that fails; they run in a fork, which has the packages of others imported already."""
    with tempfile.NamedTemporaryFile(mode="r") as output:
        process = multiprocessing.get_context("fork").Process(target=_run, args=(copy, tests, output.name))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            return None
        said = output.read()
    if gone := set(re.findall(rf"^ERROR: not found: {re.escape(str(copy))}/(.*)$", said, flags=re.MULTILINE)):
        left = [test for test in tests if test.partition("[")[0] not in {each.partition("[")[0] for each in gone}]
        return _first_failure(copy, left, seconds) if left else None
    if process.exitcode == 0:
        return None
    if failed := re.search(r"^(?:FAILED|ERROR) (tests/.*?)(?: - .*)?$", said, flags=re.MULTILINE):
        return failed[1]
    begun = re.findall(r"^(tests/\S+::.*?)(?: \[ *\d+%\]| PASSED|$)", said, flags=re.MULTILINE)
    return begun[-1] if begun else f"pytest's start: {said[-200:]}"


def _run(copy: Path, tests: list[str], output: str) -> None:
    os.setsid()
    file = os.open(output, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]
    sys.dont_write_bytecode = True
    words = [
        "-x",
        "-v",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-p",
        "no:cacheprovider",
        f"--timeout={LONGEST_TEST}",
        "--color=no",
    ]
    os._exit(pytest.main([*words, *tests]))


def _mirror(path: str) -> str:
    where = Path(path)
    return str(Path("tests") / where.parent / f"test_{where.stem}.py")


def _covering(data: Path | None, mutant: Mutant, costs: dict[str, float]) -> list[str]:
    """The tests that run a line, cheap ones first."""
    if data is None:
        return []
    with sqlite3.connect(data) as connection:
        rows = connection.execute(
            "select context, numbits from line_bits join file on file.id = file_id"
            " join context on context.id = context_id where path like ?",
            (f"%/{mutant.path}",),
        ).fetchall()
    byte, bit = divmod(mutant.line, 8)
    tests = {context.rpartition("|")[0] for context, bits in rows if len(bits) > byte and bits[byte] >> bit & 1}
    return sorted(filter(None, tests), key=lambda test: (costs.get(test, 1.0), test))[:MOST_TESTS]


def _durations(path: Path | None) -> dict[str, float]:
    """The seconds of each test by its name, fixtures included."""
    costs: dict[str, float] = {}
    if path is not None:
        pattern = r"^([\d.]+)s (?:setup|call|teardown) +(tests/.*)$"
        for seconds, test in re.findall(pattern, path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            costs[test] = costs.get(test, 0.0) + float(seconds)
    return costs


def _killers(path: Path) -> dict[int, str | None]:
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {line["index"]: line["killer"] for line in lines}


def main() -> None:
    """Run as a command."""
    torch.set_num_threads(1)
    mutation_testing(parse(Arguments, None))


if __name__ == "__main__":
    main()
