"""What the recovery that a search scores with is worth: its time, and how it ranks the networks that would be kept.

The uniform policy and random ones at one budget are made as a search scores them, by each recovery, and as they are
kept, by `asymmetric` in float32 on all calibration images. Both are scored on the reward images.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from agents.exploration import random_policy
from amc.data.load import load_data
from amc.graph import KeptCounts
from amc.networks.sources import load_network
from amc.scoring.score import Score
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.defaults import CLOSED_FORMS
from amc.utils.files import write_json, write_text
from benchmarks.runs import machine, percent
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Score the policies of each network, and write the table."""

    data: str
    """Images, as for scripts.train."""
    out: Path
    """Folder for the numbers (search-recovery.json) and the table (search-recovery.md)."""
    models: tuple[str, ...] = ("resnet20",)
    """Networks, as for scripts.train."""
    weights: tuple[str, ...] = ("default",)
    """Their weights, one for each."""
    budget: str = "macs=0.5"
    """Budget of all policies."""
    policies: int = 24
    """Random policies, besides the uniform one."""


def search_recovery(arguments: Arguments) -> None:
    """Write the rows of each network as soon as they are known."""
    rows: list[dict[str, Any]] = []
    for model, weights in zip(arguments.models, arguments.weights, strict=True):
        rows += measured(model, weights, arguments)
        write_json(arguments.out / "search-recovery.json", {"machine": machine(), "rows": rows})
        write_text(arguments.out / "search-recovery.md", table(rows))


def measured(model: str, weights: str, arguments: Arguments) -> list[dict[str, Any]]:
    """The rows of one network: that of what is kept, and one for each recovery that a search may score with."""
    network = load_network(model, weights)
    splits = load_data(arguments.data, network.preprocess)

    def task_of(recovery: str) -> Task:
        return Task(network.model, splits, [arguments.budget], TaskOptions(search_recovery=recovery))

    task = task_of("both")
    policies = [task.budgets.uniform]
    policies += [random_policy(np.random.default_rng(each), task.budgets) for each in range(arguments.policies)]
    ways: dict[str, Callable[[KeptCounts], Score]] = {
        "as kept": lambda kept_counts: task.reward_score(task.compact(kept_counts, "asymmetric")[0]),
        **{recovery: task_of(recovery).candidates().score for recovery in CLOSED_FORMS},
    }
    rows: list[dict[str, Any]] = []
    kept: list[float] = []
    for way, score in ways.items():
        score(task.graph.least)  # what is computed once for all
        begun = time.process_time()
        found = [score(each) for each in policies]
        seconds = (time.process_time() - begun) / len(policies)
        values = [each.value for each in found]
        kept = kept or values
        rows.append(
            {"model": model, "budget": arguments.budget, "way": way, "seconds": seconds}
            | {"uniform": found[0].metric, "mean": float(np.mean([each.metric for each in found]))}
            | {"all": rank_correlation(values, kept), "best half": rank_correlation(values, kept, best=True)}
        )
    return rows


def rank_correlation(values: Sequence[float], kept: Sequence[float], *, best: bool = False) -> float:
    """Spearman's correlation of scores with those of what is kept, of all policies or the half that is best there."""
    chosen = np.argsort(kept)[len(kept) // 2 if best else 0 :]
    return float(spearmanr(np.array(values)[chosen], np.array(kept)[chosen]).statistic)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A row for each network and recovery, seconds as multiples of those of the quickest."""
    lines = [
        "| network | budget | networks | uniform | mean | rank correlation | of the best half | time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        least = min(each["seconds"] for each in rows if each["model"] == row["model"])
        first = " | ".join(str(row[name]) for name in ("model", "budget", "way"))
        shares = " | ".join(percent(row[name]) for name in ("uniform", "mean"))
        ranks = " | ".join(f"{row[name]:.2f}" for name in ("all", "best half"))
        lines.append(f"| {first} | {shares} | {ranks} | {row['seconds'] / least:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run as a command."""
    run(search_recovery, Arguments)


if __name__ == "__main__":
    main()
