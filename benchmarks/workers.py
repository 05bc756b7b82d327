"""The speed of several processes that score policies, relative to one with the same threads, measured in turn."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from agents.exploration import random_policy
from amc.data.load import load_data
from amc.graph import KeptCounts
from amc.networks.sources import load_network
from amc.scoring.engines.engine import Engine, SerialEngine
from amc.scoring.engines.processes import Workers
from amc.task import Task
from benchmarks.runs import machine
from scripts.command.cli import run

TURNS = 3
"""The number of turns that count."""


@dataclass(frozen=True)
class Arguments:
    """Compare workers with one process."""

    model: str = "resnet56"
    """Network, as for scripts.train."""
    weights: str = "default"
    """Weights of the network, as for scripts.train."""
    data: str = "cifar10"
    """Images, as for scripts.train."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    policies: int = 8
    """Random policies of each turn."""
    workers: int = 2
    """Processes."""


def workers(arguments: Arguments) -> None:
    """Score policies in turns, and print the ratio of the speeds."""
    network = load_network(arguments.model, arguments.weights)
    task = Task(network.model, load_data(arguments.data, network.preprocess), [arguments.budget])
    candidates = task.candidates()
    one, several = SerialEngine(candidates), Workers(candidates, arguments.workers)
    rng = np.random.default_rng(0)
    ratios = []
    for turn in range(TURNS + 1):
        policies = [random_policy(rng, task.budgets) for _ in range(arguments.policies)]
        alone, round_size = (_rate(engine, policies) for engine in (one, several))
        if turn:  # the first one begins the processes
            ratios.append(round_size / alone)
            print(f"one process: {alone:.3f} episodes/s, {arguments.workers}: {round_size:.3f}, {ratios[-1]:.2f} times")
    several.close()
    print(f"median {np.median(ratios):.2f} times; {torch.get_num_threads()} threads in all, {machine()}")


def _rate(engine: Engine, policies: list[KeptCounts]) -> float:
    start = time.perf_counter()
    for _ in engine(policies, None):
        pass
    return len(policies) / (time.perf_counter() - start)


def main() -> None:
    """Run as a command."""
    run(workers, Arguments)


if __name__ == "__main__":
    main()
