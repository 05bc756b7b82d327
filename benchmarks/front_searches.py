"""One search over a range of budgets against a search at each point, on the images that no search has seen.

Both make networks with the same recovery. An evaluation is one scored policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import amc
from amc.utils.files import write_json
from benchmarks.runs import machine
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Search a range of budgets at once, and each point of it by itself, with the same seeds."""

    model: str = "digits_resnet"
    """The network, as for amc train."""
    weights: str = "default"
    """Its weights, as for amc train."""
    data: str = "digits"
    """Its images, as for amc train."""
    points: tuple[float, ...] = (0.3, 0.5, 0.7)
    """The shares of the MACs; the range reaches from the least to the largest."""
    episodes: int = 150
    """Policies that are scored in the search over the range."""
    alone: int = 100
    """Policies that are scored in the search at each point."""
    seeds: tuple[int, ...] = (0,)
    """The seeds."""
    out: Path = Path("runs/front.json")
    """File for the numbers."""


def front_searches(arguments: Arguments) -> None:
    """Search with each seed, and write and print the accuracies."""
    network = amc.load_network(arguments.model, arguments.weights)
    points = sorted(arguments.points)
    rows = []
    for seed in arguments.seeds:
        data = amc.load_data(arguments.data, network, seed=seed)
        together = amc.search(
            network, data, f"macs={points[0]:g}:{points[-1]:g}", arguments.episodes, seed, points=points
        )
        for share, found in zip(points, together.front, strict=True):
            single = amc.search(network, data, f"macs={share:g}", arguments.alone, seed)
            row = {
                "seed": seed,
                "macs": share,
                "evaluations": [len(together.episodes), len(single.episodes)],
                "test": [found.found.test, single.found.test],
                "reward": [found.found.reward, single.found.reward],
                "uniform": single.uniform.test,
            }
            rows.append(row)
            write_json(arguments.out, {"machine": machine(), "rows": rows})
            print(
                f"seed {seed}, {share:.0%} of MACs: range {found.found.test:.2%}, alone {single.found.test:.2%},"
                f" uniform {single.uniform.test:.2%} on test images; on reward images {found.found.reward:.2%} and"
                f" {single.found.reward:.2%}",
                flush=True,
            )
    print(machine())


def main() -> None:
    """Run as a command."""
    run(front_searches, Arguments)


if __name__ == "__main__":
    main()
