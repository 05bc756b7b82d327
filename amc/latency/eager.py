"""Latency in PyTorch's eager mode, in this process."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from amc.graph.inputs import Example, feed
from amc.latency.fingerprint import fingerprint
from amc.latency.timing import Timer, Timing, measure, wall_timer
from amc.scoring.metrics import check_runs
from amc.utils.copying import copy_network


class Eager:
    """Measures networks in PyTorch's eager mode, on the CPU by the clock, on a GPU by its own events.

    Args:
        device: Where networks run.
        threads: The number of threads that work on one operator, on the CPU.

    Attributes:
        fingerprint: The description of machine and runtime (`amc.latency.fingerprint`).
    """

    def __init__(self, device: torch.device, threads: int = 1) -> None:
        self._device = device
        self._threads = threads
        self.fingerprint: dict[str, Any] = fingerprint(f"torch {torch.__version__}", threads)
        if device.type == "cuda":
            self.fingerprint["gpu"] = torch.cuda.get_device_name(device)

    def measure(
        self, networks: Sequence[nn.Module], example: Example, precision: float = 0.01, limit: float = 30.0
    ) -> Timing:
        """Measure networks against each other on one input, in evaluation mode.

        Args:
            networks: The networks, which are not changed.
            example: The input of all, `(n, ...)`.
            precision: The wanted `Timing.spread`.
            limit: The seconds that measuring may take (`amc.latency.timing.measure`).

        Raises:
            UserError: A network does not take the example.
        """
        batch = tree_map(lambda leaf: leaf.to(self._device) if isinstance(leaf, Tensor) else leaf, example)
        ready = [copy_network(network).to(self._device).eval() for network in networks]
        for network in ready:
            check_runs(network, batch)
        with self._settings(), torch.inference_mode():
            return measure([self._timer(network, batch) for network in ready], precision, limit)

    def close(self) -> None:
        """Do nothing, since nothing is held between measurements."""

    def _timer(self, network: nn.Module, batch: Example) -> Timer:
        if self._device.type == "cuda":
            return lambda passes: _events(network, batch, passes)
        return wall_timer(lambda: feed(network, batch))

    @contextlib.contextmanager
    def _settings(self) -> Iterator[None]:
        threads = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        torch.set_flush_denormal(True)
        is_on_gpu = self._device.type == "cuda"
        try:
            with torch.cuda.device(self._device) if is_on_gpu else contextlib.nullcontext():  # of the events
                yield
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(threads)


def _events(network: nn.Module, batch: Example, passes: int) -> list[float]:
    """Seconds between the marks that the GPU passes before and after each run of the network."""
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(passes + 1)]
    marks[0].record()
    for mark in marks[1:]:
        feed(network, batch)
        mark.record()
    marks[-1].synchronize()
    return [before.elapsed_time(after) / 1000 for before, after in itertools.pairwise(marks)]
