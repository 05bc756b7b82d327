"""The memory that a search takes, images and libraries included.

Networks have random weights and images are random: neither changes the size of anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from amc.data.load import Splits
from amc.data.resident import ResidentImages
from amc.networks.sources import load_network
from amc.task import Task
from benchmarks.runs import machine, peak_memory
from benchmarks.search_setup import peak_of_a_search
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Run a short search, and print the peak of the process."""

    model: str = "torchvision:vgg16"
    """Network, as for scripts.train."""
    budget: str = "macs=0.5"
    """The budget, as for scripts.train."""
    calibration_images: int = 1000
    """Images for least squares and batch-norm statistics."""
    reward_images: int = 1000
    """Images that policies are scored on."""
    episodes: int = 4
    """Policies that the search scores. More of them change the time alone."""


def search_memory(arguments: Arguments) -> None:
    """Run the search, and print the peak of the memory before and after."""
    network = load_network(arguments.model, "none")
    assert network.preprocess is not None
    shape, generator = network.preprocess.shape, torch.Generator().manual_seed(0)

    def images(count: int) -> ResidentImages:
        inputs = torch.empty(count, *shape, memory_format=torch.channels_last)  # as they are read
        return ResidentImages(inputs.normal_(generator=generator), torch.arange(count) % 10)

    calibration, reward = images(arguments.calibration_images), images(arguments.reward_images)
    task = Task(network.model, Splits(calibration, calibration, reward, reward, None, False), [arguments.budget])
    del network  # as scripts.train does
    print(f"{machine()}\n{arguments.model}: {peak_memory():,.0f} MB when it is prepared", flush=True)
    peak = peak_of_a_search(task, arguments.episodes)
    print(f"after {arguments.episodes} episodes: {peak:,.0f} MB, {task.candidates().dtype}")


def main() -> None:
    """Run as a command."""
    run(search_memory, Arguments)


if __name__ == "__main__":
    main()
