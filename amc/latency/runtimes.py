"""What runs networks while their latency is measured, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from amc.artifacts.onnx_conversion import unoptimised_onnx
from amc.graph.inputs import Example
from amc.latency.eager import Eager
from amc.latency.measuring_device import Device
from amc.latency.target import LOCAL, parse_target
from amc.latency.timing import Timing
from amc.utils.device import find_device
from amc.utils.errors import UserError
from amc.utils.registry import resolve


@dataclass(frozen=True)
class RuntimeOptions:
    """Where a runtime runs networks.

    Attributes:
        target: The machine, as `amc.latency.target.parse_target` takes it.
        threads: Threads that work on one operator.
        device: The device of that machine, as `amc.utils.device.find_device` takes it.
    """

    target: str = LOCAL
    threads: int = 1
    device: str = "cpu"


class LatencyRuntime(Protocol):
    """Runs networks and measures how long they take, until it is closed."""

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What they run on: `runtime`, `threads`, `cpu`, and `gpu` where that is used."""

    def measure(self, networks: Sequence[nn.Module], example: Example, precision: float, limit: float) -> Timing:
        """Measure networks together on one input, as `amc.latency.timing.measure` does.

        Args:
            networks: In any mode; they are run in evaluation mode, and not changed.
            example: Their input, or inputs.
            precision: The wanted half-width of the intervals, relative to what is measured.
            limit: Seconds after which it ends in any case.

        Raises:
            UserError: a network that can't be run.
        """

    def close(self) -> None:
        """Give back what it holds."""


class OnnxRuntime:
    """ONNX Runtime, here or on another machine; networks are exported as they are.

    Raises:
        UserError: the target can't be reached, or lacks what it needs.
    """

    def __init__(self, options: RuntimeOptions) -> None:
        self._device = Device(parse_target(options.target), options.threads)
        self.fingerprint: Mapping[str, Any] = self._device.fingerprint

    def measure(
        self, networks: Sequence[nn.Module], example: Example, precision: float = 0.01, limit: float = 30.0
    ) -> Timing:
        """Measure networks together; see `LatencyRuntime.measure` for arguments and errors."""
        models = [unoptimised_onnx(network, example).SerializeToString() for network in networks]
        return self._device.measure(models, precision, limit)

    def close(self) -> None:
        """End the connection to the target."""
        self._device.close()


def eager(options: RuntimeOptions) -> Eager:
    """PyTorch's eager mode on this machine.

    Raises:
        UserError: another machine, or no such device.
    """
    if options.target != LOCAL:
        raise UserError(f"--runtime torch measures on this machine only, got --target {options.target}")
    return Eager(find_device(options.device), options.threads)


MakeRuntime = Callable[[RuntimeOptions], LatencyRuntime]
RUNTIMES: dict[str, MakeRuntime] = {"onnxruntime": OnnxRuntime, "torch": eager}
"""Runtimes by name."""


def find_runtime(given: str | MakeRuntime) -> MakeRuntime:
    """The runtime of that name, or the user's own: `path/to/file.py:function`, or from Python a `MakeRuntime`.

    Raises:
        UserError: unknown name, no such function.
    """
    return resolve("runtime", given, RUNTIMES)
