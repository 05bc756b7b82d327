"""The runtimes that networks run in while their latency is measured, by name."""

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
from amc.utils.option_names import option
from amc.utils.registry import resolve


@dataclass(frozen=True)
class RuntimeOptions:
    """The place where a runtime runs networks.

    Attributes:
        target: The name of the machine (`amc.latency.target.parse_target`).
        threads: The number of threads that work on one operator.
        device: The name of the device of that machine (`amc.utils.device.find_device`).
    """

    target: str = LOCAL
    threads: int = 1
    device: str = "cpu"


class LatencyRuntime(Protocol):
    """Runs networks and measures how long they take, until it is closed."""

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """The description of what networks run on: `runtime`, `threads`, `cpu`, and `gpu` where that is used."""

    def measure(self, networks: Sequence[nn.Module], example: Example, precision: float, limit: float) -> Timing:
        """Measure networks together on one input, as `amc.latency.timing.measure` does.

        Args:
            networks: The networks, in evaluation mode; they are not changed.
            example: The input, or inputs, of all.
            precision: The wanted half-width of the intervals, relative to what is measured.
            limit: The seconds after which measuring ends in any case.

        Raises:
            UserError: A network can't be run.
        """

    def close(self) -> None:
        """End connections and give back memory; the runtime is not used after that."""


class OnnxRuntime:
    """ONNX Runtime on this or another machine; networks are exported as they are.

    Args:
        options: Where networks run.

    Attributes:
        fingerprint: The description of machine and runtime.

    Raises:
        UserError: The target can't be reached, or lacks what the runner needs.
    """

    def __init__(self, options: RuntimeOptions) -> None:
        self._device = Device(parse_target(options.target), options.threads)
        self.fingerprint: Mapping[str, Any] = self._device.fingerprint

    def measure(
        self, networks: Sequence[nn.Module], example: Example, precision: float = 0.01, limit: float = 30.0
    ) -> Timing:
        """Measure networks together on one input, with arguments and errors as in `LatencyRuntime.measure`."""
        models = [unoptimised_onnx(network, example).SerializeToString() for network in networks]
        return self._device.measure(models, precision, limit)

    def close(self) -> None:
        """End the connection to the target."""
        self._device.close()


def eager(options: RuntimeOptions) -> Eager:
    """The runtime that is PyTorch's eager mode on this machine.

    Raises:
        UserError: The target is another machine, or there is no such device.
    """
    if options.target != LOCAL:
        asked = option("target", options.target)
        raise UserError(f"{option('runtime', 'torch')} measures on this machine only, got {asked}")
    return Eager(find_device(options.device), options.threads)


MakeRuntime = Callable[[RuntimeOptions], LatencyRuntime]
"""Makes a runtime from the place where networks run."""
RUNTIMES: dict[str, MakeRuntime] = {"onnxruntime": OnnxRuntime, "torch": eager}
"""Runtimes by name."""


def find_runtime(given: str | MakeRuntime) -> MakeRuntime:
    """The runtime of that name, or the user's own: `path/to/file.py:function`, or from Python a `MakeRuntime`.

    Raises:
        UserError: There is no runtime of that name, or no such function.
    """
    return resolve("runtime", given, RUNTIMES)
