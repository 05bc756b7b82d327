"""The time and the best reward of whole searches with racing and without.

Searches that are already in `--out` are not made again, so it can be interrupted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any
from unittest import mock

import amc.scoring.scorer
from agents.search.search import search
from amc.utils.files import write_json
from benchmarks.runs import machine
from benchmarks.search_setup import make_task
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Search with and without racing, and compare."""

    model: str = "resnet56"
    """Network, as for scripts.train."""
    weights: str = "default"
    """Weights of the network, as for scripts.train."""
    data: str = "cifar10"
    """Images, as for scripts.train."""
    image_size: int | None = None
    """Pixels of the images, as for scripts.train."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    episodes: int = 400
    """Policies that each search scores."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, with two searches for each."""
    out: Path = Path("runs/racing.json")
    """File for the numbers."""


def racing(arguments: Arguments) -> None:
    """Make the searches that are missing, write the numbers and print their means."""
    path = arguments.out
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    known = {(row["seed"], row["raced"]) for row in rows}
    for row in _rows(arguments, known):
        rows.append(row)
        write_json(path, {"machine": machine(), "rows": rows})
        print(json.dumps(row), flush=True)
    for raced in (True, False):
        found = [row for row in rows if row["raced"] == raced]
        rewards = [row["reward"] for row in found]
        spread = f" +- {stdev(rewards):.4f}" if len(rewards) > 1 else ""
        print(
            f"{'raced' if raced else 'not raced'}: best reward {mean(rewards):.4f}{spread},"
            f" {mean(row['seconds'] for row in found):.0f} s, {mean(row['images'] for row in found):.0%} of the images"
        )


def _rows(arguments: Arguments, known: set[tuple[int, bool]]) -> Iterator[dict[str, Any]]:
    for seed in arguments.seeds:
        for raced in (True, False):
            if (seed, raced) in known:
                continue
            begun = time.perf_counter()
            given = arguments.model, arguments.weights, arguments.data, arguments.image_size, arguments.budget
            task, _ = make_task(*given, seed)
            without = mock.patch.object(amc.scoring.scorer, "choose_panel", return_value=[])
            with nullcontext() if raced else without:
                result = search(task, arguments.episodes, seed, "ddpg")
            seconds = time.perf_counter() - begun
            yield {
                "seed": seed,
                "raced": raced,
                "seconds": seconds,
                "reward": result.best.reward,
                "images": mean(episode.outcome.images for episode in result.episodes),
            }


def main() -> None:
    """Run as a command."""
    run(racing, Arguments)


if __name__ == "__main__":
    main()
