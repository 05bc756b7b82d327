"""Analyse, check and prune every network that the project answers for, and write the table of docs/coverage.md.

A network has a process and a time limit of its own, so that a crash is a row. Rows that are in the JSON file are not
repeated, so it can be interrupted; `--help` shows its options.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

from amc.utils.files import write_text
from benchmarks.coverage_networks import names
from benchmarks.coverage_page import Row, document
from benchmarks.runs import machine, percent
from scripts.command.cli import run

THEIR_LIMIT = 120
"""The seconds that torch-pruning may take for a network, where it is installed."""


@dataclass(frozen=True)
class Arguments:
    """Write a table of what of each network can be pruned, whether it is right, and how long the analysis takes."""

    only: tuple[str, ...] = ("*",)
    """Networks whose name fits one of these patterns, such as timm:*; in this order."""
    out: Path = Path("docs/coverage.json")
    """The rows; networks that it has already are left out."""
    table: Path = Path("docs/coverage.md")
    """The table of all rows."""
    limit: int = 2400
    """Seconds that a network may take."""
    workers: int = 2
    """Networks at a time, of one thread each."""


def coverage(arguments: Arguments) -> None:
    """Make the rows that are missing, then those of torch-pruning where it is installed, and write the table of all."""
    rows: dict[str, Row] = {}
    if arguments.out.exists():
        rows = {row["name"]: row for row in json.loads(arguments.out.read_text(encoding="utf-8"))}
    asked = dict.fromkeys(name for pattern in arguments.only for name in fnmatch.filter(names(), pattern))
    with ThreadPool(arguments.workers) as pool:
        missing = [name for name in asked if name not in rows]
        for row in pool.imap_unordered(lambda name: _row(name, arguments.limit), missing):
            rows[row["name"]] = row
            print(_line(row), flush=True)
            _write(arguments, rows)
        without = [name for name in asked if name.startswith("torchvision:") and "torch_pruning" not in rows[name]]
        if importlib.util.find_spec("torch_pruning"):
            for name, result in pool.imap_unordered(lambda name: (name, _torch_pruning(name)), without):
                rows[name]["torch_pruning"] = result
                print(f"{name}: torch-pruning: {result}", flush=True)
                _write(arguments, rows)
    _write(arguments, rows)


def _write(arguments: Arguments, rows: Mapping[str, Row]) -> None:
    write_text(arguments.out, "[\n" + ",\n".join(map(json.dumps, rows.values())) + "\n]\n")
    ordered = [rows[name] for name in names() if name in rows]
    if ordered:
        write_text(arguments.table, document(ordered, len(names())))


def _row(name: str, limit: int) -> Row:
    command = [sys.executable, "-m", "benchmarks.coverage_row", name]
    empty = {"name": name, "groups": 0, "macs": 0, "least_macs_share": 1.0, "max_relative_error": 0.0, "seconds": 0.0}
    empty |= {"check_seconds": 0.0, "memory": 0.0, "memory_allowed": 0.0, "onnx": "", "frozen": ""}
    empty |= {"machine": machine()}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return empty | {"failure": f"not done after {limit} s"}
    if done.returncode:
        error = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return empty | {"failure": error}
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def _torch_pruning(name: str) -> str:
    command = [sys.executable, "-m", "benchmarks.coverage_torch_pruning", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=THEIR_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return f"not done after {THEIR_LIMIT} s"
    return (done.stdout.strip().splitlines() or ["crashes"])[-1]


def _line(row: Row) -> str:
    left, error = percent(row["least_macs_share"]), row["max_relative_error"]
    times = f"{row['seconds']:.1f} s + {row['check_seconds']:.1f} s"
    return f"{row['name']}: {row['groups']} groups, {left} left, error {error:.0e}, {times} {row['failure']}"


def main() -> None:
    """Run as a command."""
    run(coverage, Arguments)


if __name__ == "__main__":
    main()
