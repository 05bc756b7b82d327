"""Agents on a network that they have never seen, each network left out once, beside rules and searches from scratch.

The table of docs/results.md comes from this command; `--help` shows its options. Runs that are already in the folder
are not repeated, so it can be interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from agents.rules import RULES, OnePolicy
from amc.artifacts.run_folder import AGENT_FILE
from benchmarks.runs import finished, machine, percent
from scripts.command.cli import run

DIGITS = "digits_resnet"


@dataclass(frozen=True)
class Arguments:
    """Search each network, train an agent without each, apply it there, print a table."""

    resnet20: str
    """Weights of ResNet-20."""
    resnet56: str
    """Weights of ResNet-56."""
    data: str
    """Images of CIFAR-10, as for scripts.train; the digits have their own."""
    out: Path
    """Folder for the run folders."""
    networks: tuple[str, ...] = (DIGITS, "resnet20", "mobilenet_v2_x0_5_cifar")
    """Networks that agents learn from; those that search faster first."""
    targets: tuple[str, ...] = (DIGITS, "resnet20", "mobilenet_v2_x0_5_cifar", "resnet56")
    """Networks that agents are applied to, each by one that has not learned from it."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    lessons: int = 80
    """Policies that are scored on each network that an agent learns from."""
    evaluations: int = 20
    """Policies that are scored on the network that was left out."""
    strategies: tuple[str, ...] = ("ddpg", "swaps", "random", "evolution")
    """Strategies that search it from scratch with as many."""
    seed: int = 0
    """The seed of all runs."""


class Row(NamedTuple):
    """A policy for a network: who found it, after how many evaluations, and the summary of its run."""

    name: str
    evaluations: int
    summary: dict[str, Any]


def transfer(arguments: Arguments) -> None:
    """Make the runs that are missing, then print the table."""
    print(f"{machine()}\n")
    print("| network | policy | evaluations | score | test |")
    print("|---|---|---|---|---|")
    for target in arguments.targets:
        for name, evaluations, summary in _rows(arguments, target):
            score, test = summary["policy_score"], summary["test_accuracy_policy"]
            print(f"| {target} | {name} | {evaluations} | {score:.4f} | {percent(test)} |", flush=True)


def _rows(arguments: Arguments, target: str) -> Iterator[Row]:
    """What an agent of all other networks does for one, and what rules and strategies do."""
    out, options = arguments.out, _options(arguments, target)
    for name in (name for name, make in RULES.items() if isinstance(make(), OnePolicy)):
        folder = out / f"{target}-{name}"
        yield Row(name, 1, finished("train", folder, options | {"strategy": name, "episodes": 1}))
    agent = options | {"agent": _agent(arguments, target)}
    count = arguments.evaluations
    yield Row("agent of the others", 3, finished("apply", out / f"{target}-agent-0", agent))
    more = finished("apply", out / f"{target}-agent-{count}", agent | {"episodes": count})
    yield Row("agent of the others", 3 + count, more)
    for name in arguments.strategies:
        folder = out / f"{target}-{name}-{count}"
        yield Row(name, count, finished("train", folder, options | {"strategy": name, "episodes": count}))


def _agent(arguments: Arguments, target: str) -> Path:
    """The agent of a search of the first other network that learned from searches of all others as well."""
    first, *others = (name for name in arguments.networks if name != target)
    lessons = {"strategy": "ddpg", "episodes": arguments.lessons}
    for name in others:
        finished("train", arguments.out / name, _options(arguments, name) | lessons)
    folder = arguments.out / f"without-{target}"
    earlier = tuple(arguments.out / name for name in others)
    finished("train", folder, _options(arguments, first) | lessons | {"with": earlier})
    return folder / AGENT_FILE


def _options(arguments: Arguments, network: str) -> dict[str, object]:
    options: dict[str, object] = {"model": network, "budget": arguments.budget, "seed": arguments.seed}
    weights = {"resnet20": arguments.resnet20, "resnet56": arguments.resnet56}
    if network in weights:
        options["weights"] = weights[network]
    return options if network == DIGITS else options | {"data": arguments.data, "image-size": 32}


def main() -> None:
    """Run as a command."""
    run(transfer, Arguments)


if __name__ == "__main__":
    main()
