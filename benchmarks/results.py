"""Run searches and write their results as a table.

The table of docs/results.md comes from this command; `--help` shows its options. Runs that are already in the folder
are not repeated, so it can be interrupted.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.cli import run
from scripts.run_folder import SUMMARY_FILE

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
    """Its weights, as for scripts.train."""
    data: str
    """Images, as for scripts.train."""
    out: Path
    """Folder for the run folders."""
    image_size: int = 32
    """Height and width of the input, in pixels."""
    budget: str = "macs=0.5"
    """What may be left."""
    episodes: int = 400
    """Policies that are scored in a search."""
    reward_images: int = 2000
    """Reward images that the search scores with; the table scores with all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """A search for each."""
    strategy: str = "ddpg"
    """How policies are found."""
    settings: str = "tuned"
    """Settings of the DDPG agent."""


def results(arguments: Arguments) -> None:
    """Run what is missing, then print."""
    rows = [_summary(arguments, seed) for seed in arguments.seeds]
    print(f"{platform.machine()}, {_processor()}\n")
    print(
        "| network | strategy | seed | MACs left | val: original | uniform | found | test: original | uniform | found |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for summary in rows:
        accuracies = [f"{100 * summary[name]:.2f} %" for name in ACCURACIES]
        left = f"{100 * summary['macs_after'] / summary['macs_before']:.2f} %"
        name = arguments.strategy + (f" ({arguments.settings})" if arguments.strategy == "ddpg" else "")
        print(f"| {' | '.join([arguments.model, name, str(summary['seed']), left, *accuracies])} |")


def _summary(arguments: Arguments, seed: int) -> dict[str, Any]:
    name = f"{arguments.model}-{arguments.strategy}-{arguments.settings}-{arguments.budget}-seed{seed}"
    folder = arguments.out / name.replace("/", "-")
    if not (folder / SUMMARY_FILE).exists():
        options = {
            "model": arguments.model,
            "weights": arguments.weights,
            "data": arguments.data,
            "image-size": arguments.image_size,
            "budget": arguments.budget,
            "episodes": arguments.episodes,
            "reward-images": arguments.reward_images,
            "strategy": arguments.strategy,
            "settings": arguments.settings,
            "seed": seed,
            "run-dir": folder,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        subprocess.run([sys.executable, "-m", "scripts.train", *words], check=True, stdout=subprocess.DEVNULL)
    summary: dict[str, Any] = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    return summary


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def main() -> None:
    """Run as a command."""
    run(results, Arguments)


if __name__ == "__main__":
    main()
