"""Agents that were trained on one network and applied to another, compared with searches from scratch.

The table of docs/results.md comes from this command; `--help` shows its options. Runs that are already in the folder
are not repeated, so it can be interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from amc.artifacts.run_folder import AGENT_FILE
from amc.utils.defaults import DEFAULT_RECOVERY
from benchmarks.runs import finished, machine, percent
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Train agents on one network, apply each to another, with and without learning there, print a table."""

    source_weights: str
    """Weights of the network that the agents are trained on, as for scripts.train."""
    target_weights: str
    """Weights of the network that they are applied to."""
    data: str
    """Images, as for scripts.train."""
    out: Path
    """Folder for the run folders."""
    source: str = "resnet20"
    """Network that the agents are trained on."""
    target: str = "resnet56"
    """Network that they are applied to."""
    image_size: int = 32
    """Height and width of the input, in pixels."""
    budget: str = "macs=0.5"
    """The budget of both, as for scripts.train."""
    source_episodes: int = 400
    """Policies that are scored while an agent is trained."""
    episodes: int = 50
    """Policies that are scored on the other network."""
    recovery: str = DEFAULT_RECOVERY
    """Recovery of the networks that are kept, as for scripts.train."""
    reward_images: int = 2000
    """Reward images that a search scores with; the table scores with all."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds, with an agent for each."""


def transfer(arguments: Arguments) -> None:
    """Make the runs that are missing, then print the table, with the means first."""
    rows = [row for seed in arguments.seeds for row in _rows(arguments, seed)]
    print(f"{machine()}\n")
    print("| seed | policy | MACs left | val | test |")
    print("|---|---|---|---|---|")
    for name in dict.fromkeys(row[1] for row in rows):
        means = [mean(row[column] for row in rows if row[1] == name) for column in (3, 4)]
        print(f"| mean | {name} | | {' | '.join(map(percent, means))} |")
    for seed, name, left, *accuracies in rows:
        print(f"| {seed} | {name} | {left} | {' | '.join(map(percent, accuracies))} |")


def _rows(arguments: Arguments, seed: int) -> list[tuple[Any, ...]]:
    """Seed, policy, MACs left, and accuracies on the reward and the test split, of every policy with one seed."""
    shared = {
        "data": arguments.data,
        "image-size": arguments.image_size,
        "budget": arguments.budget,
        "recovery": arguments.recovery,
        "reward-images": arguments.reward_images,
        "seed": seed,
    }
    out = arguments.out
    source = out / f"{arguments.source}-ddpg-tuned-{arguments.budget}-seed{seed}"
    finished(
        "train",
        source,
        shared
        | {
            "model": arguments.source,
            "weights": arguments.source_weights,
            "episodes": arguments.source_episodes,
            "strategy": "ddpg",
            "settings": "tuned",
        },
    )
    target = shared | {"model": arguments.target, "weights": arguments.target_weights}
    agent = target | {"agent": source / AGENT_FILE}
    count = arguments.episodes
    zero = finished("apply", out / f"{arguments.target}-agent-0-seed{seed}", agent)
    learned = finished("apply", out / f"{arguments.target}-agent-{count}-seed{seed}", agent | {"episodes": count})
    scratch = finished("train", out / f"{arguments.target}-scratch-{count}-seed{seed}", target | {"episodes": count})
    rows: list[tuple[Any, ...]] = [(seed, "uniform", "", zero["uniform_accuracy"], zero["test_accuracy_uniform"])]
    for name, summary in (
        (f"agent of {arguments.source}, 0 episodes", zero),
        (f"agent of {arguments.source}, {count} episodes", learned),
        (f"from scratch, {count} episodes", scratch),
    ):
        left = percent(summary["macs_after"] / summary["macs_before"])
        rows.append((seed, name, left, summary["policy_accuracy"], summary["test_accuracy_policy"]))
    return rows


def main() -> None:
    """Run as a command."""
    run(transfer, Arguments)


if __name__ == "__main__":
    main()
