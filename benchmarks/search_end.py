"""The time from the last episode of a search to its last file, in this version and in another one, in turn.

An evaluation is the scoring of one episode; the time of the end is told in evaluations, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from amc.utils.errors import UserError
from amc.utils.files import write_json
from benchmarks.runs import machine
from scripts.command.cli import run

ROOT = Path(__file__).parents[1]
CHILD = ROOT / "benchmarks" / "one_search_end.py"
GENERATED: dict[str, dict[str, Any]] = {
    "densenet121": {"size": 64, "images": (1000, 400, 400), "episodes": 2},
    "resnet50": {"size": 224, "images": (300, 400, 400), "episodes": 2},
}
"""The networks with random weights: pixels, calibration, reward and test images, and episodes."""
EPISODES = 60
"""The episodes of the search on ResNet-56."""


@dataclass(frozen=True)
class Arguments:
    """Compare the end of a search with that of another version, on ResNet-56, DenseNet-121 and ResNet-50."""

    other: Path
    """A checkout of the other version."""
    weights: str = "default"
    """Weights of ResNet-56, as for amc train."""
    data: str = "cifar10"
    """Images of ResNet-56, as for amc train."""
    networks: tuple[str, ...] = ("resnet56", *GENERATED)
    """Which of them."""
    turns: int = 1
    """How often each version searches on each network."""
    out: Path = Path("runs/search-end.json")
    """File for the numbers."""


def search_end(arguments: Arguments) -> None:
    """Search with both versions in turn, and write and print the numbers."""
    if not (arguments.other / "amc").is_dir():
        raise UserError(f"{arguments.other} is no checkout of this project")
    rows = []
    for network in arguments.networks:
        found = list(_turns(arguments, network))
        rows.append({"network": network, **_summary(found), "turns": found})
        write_json(arguments.out, {"machine": machine(), "rows": rows})
        print(_line(rows[-1]), flush=True)
    print(machine())


def _turns(arguments: Arguments, network: str) -> Iterator[dict[str, Any]]:
    given: dict[str, Any]
    if network in GENERATED:
        given = {"model": f"torchvision:{network}", "weights": "none", "data": "", **GENERATED[network]}
    else:
        words = {"weights": arguments.weights, "data": arguments.data}
        given = {"model": network, **words, "size": 0, "images": (), "episodes": EPISODES}
    for _ in range(arguments.turns):
        yield {name: _searched(root.resolve(), given) for name, root in (("before", arguments.other), ("after", ROOT))}


def _searched(root: Path, given: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-P", str(CHILD), json.dumps(given)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    numbers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def _summary(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the turns, and whether both versions kept the same policy each time."""
    before, after = (median(turn[name]["end"] for turn in turns) for name in ("before", "after"))
    episode = median(turn["after"]["episode"] for turn in turns)
    return {
        "before": before,
        "after": after,
        "ratio": after / before,
        "episode": episode,
        "evaluations": after / episode,
        "same": all(turn["before"]["policy"] == turn["after"]["policy"] for turn in turns),
    }


def _line(row: dict[str, Any]) -> str:
    kept = "the same policy.json" if row["same"] else "another policy.json"
    return (
        f"{row['network']}: {row['before']:.1f} s before, {row['after']:.1f} s after ({row['ratio']:.2f} times),"
        f" {row['evaluations']:.1f} evaluations of {row['episode']:.2f} s; {kept}"
    )


def main() -> None:
    """Run as a command."""
    run(search_end, Arguments)


if __name__ == "__main__":
    main()
