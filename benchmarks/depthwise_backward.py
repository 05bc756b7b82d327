"""How long backward passes of depthwise convolutions take in bfloat16, alone and inside `amc.safe_backward`.

The table of docs/safe-backward.md comes from this command.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

import amc
from benchmarks.runs import machine
from scripts.command.cli import run

CASES = ((3, 1, 144, 60), (3, 2, 96, 120), (5, 1, 480, 15), (5, 2, 240, 30), (7, 1, 192, 28))
"""Kernel, stride, channels and pixels along a side."""


@dataclass(frozen=True)
class Arguments:
    """Time backward passes of depthwise convolutions in float32 and in bfloat16."""

    images: int = 16
    """Images in a batch."""
    repeats: int = 7
    """Passes of which the median is told."""


def depthwise_backward(arguments: Arguments) -> None:
    """Print a line for each convolution: milliseconds of processor time."""
    torch.set_num_threads(1)
    print("| convolution | float32 | bfloat16 | bfloat16, inside `amc.safe_backward` |\n|---|---|---|---|")
    for kernel, stride, channels, size in CASES:
        layer = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
        images = torch.randn(arguments.images, channels, size, size)
        ways: list[tuple[torch.dtype, Callable[[], AbstractContextManager[None]]]] = [
            (torch.float32, nullcontext),
            (torch.bfloat16, nullcontext),
            (torch.bfloat16, amc.safe_backward),
        ]
        found = [median(_times(layer, images, dtype, inside, arguments.repeats)) for dtype, inside in ways]
        name = f"{kernel}x{kernel}, stride {stride}, {channels} channels, {size} x {size}"
        print(f"| {name} | {' | '.join(f'{1000 * seconds:.0f} ms' for seconds in found)} |", flush=True)
    print(machine())


def _times(
    layer: nn.Conv2d,
    images: Tensor,
    dtype: torch.dtype,
    inside: Callable[[], AbstractContextManager[None]],
    repeats: int,
) -> Iterator[float]:
    """Seconds of processor time of each backward pass, after one that is not told."""
    layer = layer.to(dtype).to(memory_format=torch.channels_last)
    leaf = images.to(dtype, memory_format=torch.channels_last).requires_grad_()
    for number in range(repeats + 1):
        outputs = layer(leaf)
        slopes = torch.ones_like(outputs)
        begun = time.process_time()
        with inside():
            torch.autograd.grad(outputs, [leaf, layer.weight], slopes)
        if number:
            yield time.process_time() - begun


if __name__ == "__main__":
    run(depthwise_backward, Arguments)
