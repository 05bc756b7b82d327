"""The memory that the second moments of a large network take, which a search holds of its calibration images.

Networks have random weights and images are random: neither changes the size of anything.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from amc.graph import trace_graph
from amc.networks.sources import load_network
from amc.recovery.calibration import Moments, collect_moments
from benchmarks.runs import machine, peak_memory
from scripts.command.cli import run


@dataclass(frozen=True)
class Arguments:
    """Collect the second moments of every consumer in a network, and print their size and the peak of the process."""

    model: str = "torchvision:vgg16"
    """Network, as for scripts.train."""
    images: int = 100
    """Calibration images. More of them change the time, and little else: Gram matrices are sums."""
    batch_size: int = 4
    """Images of a forward pass."""


def calibration_memory(arguments: Arguments) -> None:
    """Build the network, collect its moments, and print their sizes."""
    network = load_network(arguments.model, "none")
    assert network.preprocess is not None
    generator = torch.Generator().manual_seed(0)
    example = torch.zeros(1, *network.preprocess.shape)
    graph = trace_graph(network.model, example)
    batches = (
        torch.randn(arguments.batch_size, *network.preprocess.shape, generator=generator)
        for _ in range(arguments.images // arguments.batch_size)
    )
    before, start = peak_memory(), time.perf_counter()
    moments = collect_moments(network.model, graph, batches, arguments.images, seed=0)
    print(f"{machine()}\n{arguments.model}, {arguments.images} images: {time.perf_counter() - start:.0f} s")
    for name, each in moments.items():
        print(f"{name}: {_form(each)}, {_bytes(each) / 2**20:,.0f} MB")
    total = sum(map(_bytes, moments.values()))
    grown = peak_memory() - before
    print(f"all: {total / 2**20:,.0f} MB; the peak of the process grew by {grown:,.0f} MB while collecting")


def _form(moments: Moments) -> str:
    if moments.rows is not None:
        return f"{moments.rows.shape[1]:,} rows of {moments.rows.shape[2]:,} inputs"
    assert moments.gram is not None
    return f"Gram matrix of {moments.gram.shape[2]:,} inputs" + ("" if moments.held is None else ", another held out")


def _bytes(moments: Moments) -> int:
    return sum(each.nbytes for each in (moments.gram, moments.rows, moments.held) if each is not None)


def main() -> None:
    """Run as a command."""
    run(calibration_memory, Arguments)


if __name__ == "__main__":
    main()
