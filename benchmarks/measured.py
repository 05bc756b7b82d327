"""Makes the comparisons of strategies that the pages show, in docs/measured/, and writes their tables into the pages.

Searches that are there are not made again, so it can be interrupted, and run in parts by `--only`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from amc.utils.errors import UserError
from amc.utils.registry import look_up
from benchmarks.pages import MEASURED, write_pages
from scripts.command.cli import run

STRATEGIES = (
    "ddpg",
    "random",
    "evolution",
    "cma-es",
    "swaps",
    "knapsack",
    "greedy",
    "uniform",
    "cp",
    "global",
    "second-order",
)
"""The strategies that are compared on CIFAR-10."""


@dataclass(frozen=True)
class Comparison:
    """What one comparison asks for.

    Attributes:
        model: The network.
        budgets: The budgets.
        seeds: How many seeds there are.
        episodes: How many policies each search may score.
        strategies: The strategies.
        more: Other options of `amc compare`.
        is_of_cifar: Whether it needs CIFAR-10; else the digits.
    """

    model: str
    budgets: tuple[str, ...]
    seeds: int
    episodes: int
    strategies: tuple[str, ...] = STRATEGIES
    more: tuple[str, ...] = ()
    is_of_cifar: bool = True


HALVES = ("macs=0.7", "macs=0.5", "macs=0.3")
QUICK = ("--calibration-images", "200", "--reward-split", "600", "--test-images", "1000")
OBS = ("--criterion", "obs")
"""What the default criterion comes to in networks without depthwise convolutions."""
COMPARISONS = {
    "digits": Comparison(
        "digits_resnet",
        ("params=0.055",),
        seeds=5,
        episodes=100,
        strategies=("ddpg", "random", "uniform", "cp", "second-order", "greedy", "knapsack"),
        more=OBS,
        is_of_cifar=False,
    ),
    "mobilenet-quick": Comparison(
        "mobilenet_v2_x0_5_cifar",
        ("macs=0.7",),
        seeds=2,
        episodes=12,
        strategies=("ddpg", "random", "uniform"),
        more=QUICK,
    ),
    "resnet20-half": Comparison(
        "resnet20",
        ("macs=0.5",),
        seeds=10,
        episodes=100,
        strategies=("ddpg", "second-order", "cp", "random"),
        more=(*OBS, "--calibration-images", "3000"),
    ),
    "resnet56-half": Comparison(
        "resnet56",
        ("macs=0.5",),
        seeds=3,
        episodes=50,
        strategies=("ddpg", "second-order", "cp", "random"),
        more=OBS,
    ),
    "mobilenet-half": Comparison(
        "mobilenet_v2_x0_5_cifar",
        ("macs=0.5",),
        seeds=3,
        episodes=50,
        strategies=("ddpg", "second-order", "cp", "random"),
    ),
    "resnet20": Comparison("resnet20", HALVES, seeds=10, episodes=200),
    "resnet56": Comparison("resnet56", HALVES, seeds=5, episodes=200),
    "mobilenet": Comparison("mobilenet_v2_x0_5_cifar", HALVES, seeds=5, episodes=200),
}
"""The comparisons by the names of their folders in docs/measured/."""


@dataclass(frozen=True)
class Arguments:
    """Make the searches of the comparisons that are missing, then write the tables of all pages."""

    data: str | None = None
    """CIFAR-10, as imagefolder:DIR; without it, what needs it must be left out by --only."""
    weights: tuple[str, ...] = ()
    """Weights of networks, each as NAME=FILE; default: the packaged ones."""
    only: tuple[str, ...] = tuple(COMPARISONS)
    """Comparisons to make."""


def measured(arguments: Arguments) -> None:
    """Make what is missing of each comparison, then write the pages."""
    asked = {name: [*words(arguments, look_up("comparison", name, COMPARISONS))] for name in arguments.only}
    for name, options in asked.items():
        command = [sys.executable, "-m", "scripts.compare", *options, "--out", str(MEASURED / name)]
        if subprocess.run(command, check=False).returncode:
            raise UserError(f"the comparison {name} did not end; the same command goes on with it")
    write_pages()


def words(arguments: Arguments, comparison: Comparison) -> Iterator[str]:
    """The words of the command that makes a comparison, but for its folder.

    Raises:
        UserError: It needs CIFAR-10, and that is not given.
    """
    given = {model: file for model, _, file in (each.partition("=") for each in arguments.weights)}
    yield from ("--model", comparison.model, "--weights", given.get(comparison.model, "default"))
    if comparison.is_of_cifar:
        if arguments.data is None:
            raise UserError(f"expected --data imagefolder:DIR with CIFAR-10 for {comparison.model}")
        yield from ("--data", arguments.data)
    yield from ("--strategies", *comparison.strategies, "--budgets", *comparison.budgets)
    yield from ("--seeds", *map(str, range(comparison.seeds)), "--episodes", str(comparison.episodes))
    yield from comparison.more


def main() -> None:
    """Run as a command."""
    run(measured, Arguments)


if __name__ == "__main__":
    main()
