"""Searches with several seeds, and their results as a table.

The table of docs/results.md comes from this command; `--help` shows its options. Runs that are already in the folder
are not repeated, so it can be interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amc.utils.defaults import DEFAULT_RECOVERY
from benchmarks.runs import finished, machine, percent
from scripts.command.cli import run

ACCURACIES = (
    "original_accuracy",
    "uniform_accuracy",
    "policy_accuracy",
    "test_accuracy_original",
    "test_accuracy_uniform",
    "test_accuracy_policy",
)


@dataclass(frozen=True)
class Arguments:
    """Search with several seeds and print a Markdown table: original, uniform and found policy at the same budget."""

    model: str
    """Network, as for scripts.train."""
    weights: str
    """Weights of the network, as for scripts.train."""
    data: str
    """Images, as for scripts.train."""
    out: Path
    """Folder for the run folders."""
    image_size: int = 32
    """Height and width of the input, in pixels."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    episodes: int = 400
    """Policies that are scored in a search."""
    recovery: str = DEFAULT_RECOVERY
    """Recovery of the networks that are kept, as for scripts.train."""
    reward_images: int = 2000
    """Reward images that the search scores with; the table scores with all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, with a search for each."""
    strategy: str = "ddpg"
    """Strategy of the searches, as for scripts.train."""
    settings: str = "tuned"
    """Settings of the DDPG agent."""


def results(arguments: Arguments) -> None:
    """Make the runs that are missing, then print the table."""
    rows = [_summary(arguments, seed) for seed in arguments.seeds]
    print(f"{machine()}\n")
    print(
        "| network | strategy | seed | MACs left | val: original | uniform | found | test: original | uniform | found |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for summary in rows:
        accuracies = [percent(summary[name]) for name in ACCURACIES]
        left = percent(summary["macs_after"] / summary["macs_before"])
        name = arguments.strategy + (f" ({arguments.settings})" if arguments.strategy == "ddpg" else "")
        print(f"| {' | '.join([arguments.model, name, str(summary['seed']), left, *accuracies])} |")


def _summary(arguments: Arguments, seed: int) -> dict[str, Any]:
    name = f"{arguments.model}-{arguments.strategy}-{arguments.settings}-{arguments.budget}-seed{seed}"
    return finished(
        "train",
        arguments.out / name.replace("/", "-"),
        {
            "model": arguments.model,
            "weights": arguments.weights,
            "data": arguments.data,
            "image-size": arguments.image_size,
            "budget": arguments.budget,
            "episodes": arguments.episodes,
            "recovery": arguments.recovery,
            "reward-images": arguments.reward_images,
            "strategy": arguments.strategy,
            "settings": arguments.settings,
            "seed": seed,
        },
    )


def main() -> None:
    """Run as a command."""
    run(results, Arguments)


if __name__ == "__main__":
    main()
