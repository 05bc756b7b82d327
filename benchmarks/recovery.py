"""The accuracy of the uniform policy, without fine-tuning, by way of recovery, criterion and budget.

The tables of docs/recovery.md come from this command. Rows that are already in `--out` are not measured again, so it
can be interrupted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from amc.compression.compressor import Compressor
from amc.cost.budget import Budgets
from amc.criteria import CRITERIA
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.networks.sources import load_network
from amc.recovery.recoveries import RECOVERIES
from amc.task import CALIBRATION_BATCH, Task, TaskOptions
from amc.utils.files import write_json, write_text
from benchmarks.runs import machine, percent
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Prune networks to uniform policies, recover each in every way, and score them on all reward images."""

    weights: tuple[str, ...]
    """A weights file for each network."""
    data: str
    """Images, as for scripts.train."""
    out: Path
    """Folder for the numbers (recovery.json) and the table (recovery.md)."""
    models: tuple[str, ...] = ("resnet20", "resnet56")
    """Networks, as for scripts.train."""
    budgets: tuple[float, ...] = (0.7, 0.5, 0.35)
    """Shares of the MACs that are left."""
    criteria: tuple[str, ...] = tuple(CRITERIA)
    """Criteria by which channels are chosen."""
    seed: int = 0
    """Seed of the calibration images and the sampled positions."""


def recovery(arguments: Arguments) -> None:
    """Measure the rows that are missing, then write the table."""
    path = arguments.out / "recovery.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    known = {(row["model"], row["budget"], row["criterion"], row["recovery"]) for row in rows}
    for row in _rows(arguments, known):
        rows.append(row)
        write_json(path, {"machine": machine(), "rows": rows})
        print(f"{row['model']} {row['budget']} {row['criterion']} {row['recovery']}: {percent(row['val'])}", flush=True)
    write_text(arguments.out / "recovery.md", _table(rows))


def _rows(arguments: Arguments, known: set[tuple[str, float, str, str]]) -> Iterator[dict[str, Any]]:
    for model, weights in zip(arguments.models, arguments.weights, strict=True):
        network = load_network(model, weights)
        splits = load_data(arguments.data, network.preprocess, SplitSizes(), arguments.seed)
        task = Task(network.model, splits, options=TaskOptions(seed=arguments.seed))
        calibration = [inputs for inputs, _ in splits.calibration.batches(CALIBRATION_BATCH)]
        for criterion in arguments.criteria:
            start = time.perf_counter()
            compress = Compressor(task.model, task.graph, calibration, criterion, arguments.seed)
            chosen = time.perf_counter() - start
            for way in RECOVERIES:
                todo = [share for share in arguments.budgets if (model, share, criterion, way) not in known]
                if not todo:
                    continue
                start = time.perf_counter()
                compress.compact(compress.mask(task.graph.full), way)
                prepared = chosen + time.perf_counter() - start
                for share in todo:
                    kept_counts = Budgets(task.graph, [f"macs={share}"]).scale(np.ones(len(task.graph.groups)))
                    start = time.perf_counter()
                    pruned, _ = compress.compact(compress.mask(kept_counts), way)
                    seconds = time.perf_counter() - start
                    yield {
                        "model": model,
                        "budget": share,
                        "criterion": criterion,
                        "recovery": way,
                        "val": task.accuracy(pruned, splits.reward),
                        "seconds": seconds,
                        "seconds_once": prepared,
                    }


def _table(rows: list[dict[str, Any]]) -> str:
    """A table of accuracies for each network and budget, then one of the seconds."""
    ways = list(RECOVERIES)
    lines = []
    for model, share in dict.fromkeys((row["model"], row["budget"]) for row in rows):
        scores = {
            (row["criterion"], row["recovery"]): row["val"]
            for row in rows
            if (row["model"], row["budget"]) == (model, share)
        }
        best = max(scores.values())
        lines += [f"{model}, {share:.0%} of the MACs left:", "", f"| criterion | {' | '.join(ways)} |"]
        lines.append("|---" * (len(ways) + 1) + "|")
        for criterion in dict.fromkeys(criterion for criterion, _ in scores):
            cells = [_cell(scores.get((criterion, way)), best) for way in ways]
            lines.append(f"| `{criterion}` | {' | '.join(cells)} |")
        lines.append("")
    lines += ["| seconds | network | " + " | ".join(ways) + " |", "|---" * (len(ways) + 2) + "|"]
    for name, entry in (("once", "seconds_once"), ("for each pruned network", "seconds")):
        for model in dict.fromkeys(row["model"] for row in rows):
            found = [[row[entry] for row in rows if (row["model"], row["recovery"]) == (model, way)] for way in ways]
            medians = [f"{median(each):.2f}" if each else "" for each in found]
            lines.append(f"| {name} | {model} | {' | '.join(medians)} |")
    return "\n".join(lines) + "\n"


def _cell(score: float | None, best: float) -> str:
    if score is None:
        return ""
    return f"**{percent(score)}**" if score == best else percent(score)


def main() -> None:
    """Run as a command."""
    run(recovery, Arguments)


if __name__ == "__main__":
    main()
