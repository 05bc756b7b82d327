"""The accuracy that each strategy finds at the same budget, without fine-tuning: the table of docs/strategies.md.

Searches that are already in `--out` are not made again, so it can be interrupted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from agents.rules import RULES
from agents.search.search import search
from agents.strategies import STRATEGIES
from amc.cost.costs import macs
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.networks.sources import load_network
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.files import write_json, write_text
from benchmarks.runs import machine, percent
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Search by each strategy, with several seeds where it draws anything, and score what it found on all images."""

    weights: str
    """A weights file for the network."""
    data: str
    """Images, as for scripts.train."""
    out: Path
    """Folder for the numbers (strategies.json) and the table (strategies.md)."""
    model: str = "resnet20"
    """Network, as for scripts.train."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    episodes: int = 200
    """Policies that each may score."""
    reward_images: int = 1000
    """Reward images that the searches score with; the table scores with all."""
    strategies: tuple[str, ...] = tuple(STRATEGIES)
    """Strategies of the searches, as for scripts.train."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, with a search for each; of rules, which draw nothing, for the first alone."""


def strategies(arguments: Arguments) -> None:
    """Make the searches that are missing, then write the table."""
    path = arguments.out / "strategies.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    known = {(row["strategy"], row["seed"]) for row in rows}
    for row in _rows(arguments, known):
        rows.append(row)
        write_json(path, {"machine": machine(), "rows": rows})
        print(f"{row['strategy']}, seed {row['seed']}: {percent(row['val'])}", flush=True)
    write_text(arguments.out / "strategies.md", _table(rows))


def _rows(arguments: Arguments, known: set[tuple[str, int]]) -> Iterator[dict[str, Any]]:
    network = load_network(arguments.model, arguments.weights)
    for seed in arguments.seeds:
        drawing = [name for name in arguments.strategies if name not in RULES or seed == arguments.seeds[0]]
        todo = [name for name in drawing if (name, seed) not in known]
        if not todo:
            continue
        splits = load_data(arguments.data, network.preprocess, SplitSizes(), seed)
        for name in todo:
            task = Task(
                network.model,
                splits,
                [arguments.budget],
                options=TaskOptions(reward_images=arguments.reward_images, seed=seed),
            )
            whole = macs(task.graph)(task.graph.full)
            start = time.perf_counter()
            result = search(task, arguments.episodes, seed, name)
            seconds = time.perf_counter() - start
            compact, _ = task.compact(result.best.kept_counts)
            yield {
                "strategy": name,
                "seed": seed,
                "episodes": len(result.episodes),
                "macs": result.best.outcome.macs / whole,
                "searched": result.best.outcome.accuracy,
                "val": task.accuracy(compact, splits.reward),
                "test": task.accuracy(compact, splits.test),
                "seconds": seconds,
            }


def _table(rows: list[dict[str, Any]]) -> str:
    """A table with a line for each strategy, with means over its seeds; the best on the reward images comes first."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_name.setdefault(row["strategy"], []).append(row)
    lines = ["| strategy | seeds | episodes | MACs left | val | test | seconds |", "|---|---|---|---|---|---|---|"]
    for name, found in sorted(by_name.items(), key=lambda each: -mean(row["val"] for row in each[1])):
        averages = {key: mean(row[key] for row in found) for key in ("episodes", "macs", "val", "test", "seconds")}
        cells = [
            f"`{name}`",
            str(len(found)),
            f"{averages['episodes']:.0f}",
            *(percent(averages[key]) for key in ("macs", "val", "test")),
            f"{averages['seconds']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run as a command."""
    run(strategies, Arguments)


if __name__ == "__main__":
    main()
