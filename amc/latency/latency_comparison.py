"""The latency of networks that are measured against each other."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from torch import nn

from amc.artifacts.given_network import ExampleLike, GivenNetwork, NetworkLike, find_example, find_network
from amc.artifacts.policy import OriginalLike
from amc.data.image_size import ImageSize
from amc.graph.inputs import Example
from amc.latency.runtimes import MakeRuntime, RuntimeOptions, find_runtime
from amc.latency.target import LOCAL
from amc.latency.timing import Estimate, Timing
from amc.networks.sources import Network
from amc.utils.column_widths import Column
from amc.utils.device import device_of
from amc.utils.errors import UserError
from amc.utils.option_names import check_options, option
from amc.utils.tabular import Table, Tabular

Networks = NetworkLike | Sequence[NetworkLike] | Mapping[str, NetworkLike]
"""One network, several, or several by the names that tables call them by."""


@dataclass(frozen=True, eq=False, repr=False)
class LatencyComparison(Tabular):
    """The latency of networks for one input, and the ratios to that of the first.

    Attributes:
        names: The name of each network.
        timing: The latencies in ms and the ratios, each with its 95 % interval.
        target: The machine that measured.
        fingerprint: The description of machine and runtime.
        precision: The half-width of the intervals that was wanted, relative to the latency or ratio.
    """

    names: tuple[str, ...]
    timing: Timing
    target: str
    fingerprint: Mapping[str, Any]
    precision: float

    @property
    def milliseconds(self) -> dict[str, float]:
        """The latency of each network in ms, by its name."""
        return {name: each.value for name, each in zip(self.names, self.timing.latencies, strict=True)}

    @property
    def where(self) -> str:
        """The runtime, its threads and the machine, in words."""
        place = self.fingerprint
        return f"{place['runtime']}, {place['threads']} thread(s), on {self.target}: {place.get('gpu', place['cpu'])}"

    def __repr__(self) -> str:
        """Return the latencies in a line."""
        found = ", ".join(f"{name} {each:.4g} ms" for name, each in self.milliseconds.items())
        return f"<LatencyComparison: {found}; {self.where}>"

    @property
    def tables(self) -> Sequence[Table]:
        """The table of latencies and ratios."""
        columns = [Column("network", is_text=True), Column("latency, ms (95 % interval)")]
        rows = [[name, _shown(latency)] for name, latency in zip(self.names, self.timing.latencies, strict=True)]
        if len(rows) > 1:
            columns.append(Column(f"of {self.names[0]} (95 % interval)"))
            rows = [[*row, _shown(ratio)] for row, ratio in zip(rows, self.timing.ratios, strict=True)]
        notes = [self.where]
        if self.timing.spread > self.precision:
            notes.append(
                f"The wanted precision of {self.precision:.1%} was not reached in {self.timing.rounds} blocks; give"
                f" more {option('seconds')}, or let the machine do nothing else."
            )
        return [Table("", columns, rows, notes)]


class MeasuringOptions(TypedDict, total=False):
    """The options of `measure_latency` that say how exactly is measured."""

    threads: int
    precision: float
    seconds: float


def measure_latency(
    networks: Networks,
    example: ExampleLike | None = None,
    *,
    image_size: ImageSize | None = None,
    model: OriginalLike | None = None,
    target: str = LOCAL,
    runtime: str | MakeRuntime = "onnxruntime",
    **options: Unpack[MeasuringOptions],
) -> LatencyComparison:
    """Measure how long networks take for one input: in turn, so that what slows the machine slows all of them.

    Args:
        networks: A network, several, or several by name. Each is a module, what `amc.load_network` gives, the result of
            a search or of a fine-tuning, or the folder of a run, whose compact network is measured. Ratios are to the
            first one.
        example: An input of all networks, all their arguments, its shape such as `3x224x224` or `(3, 224, 224)`, or
            data; None where it is known of one of them.
        image_size: Height and width of the input in pixels, in place of an example.
        model: The original network, as `amc.load` takes it, which folders of runs on a network of your own need.
        target: The machine that measures: `local`, or `ssh:[user@]host[:port]`, with Python, NumPy and ONNX Runtime.
        runtime: What runs the networks: `onnxruntime`; `torch`, which is eager mode on the device that the first
            network is on; `path/to/file.py:function`, or a function of `amc.latency.runtimes.RuntimeOptions`.
        **options: Any of these:
            threads: The number of threads that work on one operator; 1 by default.
            precision: The wanted half-width of the interval, relative to the latency, or to the ratio of several; 0.01
            by default.
            seconds: The seconds after which measuring ends in any case; 30 by default.

    Raises:
        UserError: Packages are missing, the machine can't be reached, or a network can't be run there.
    """
    check_options(options, (*MeasuringOptions.__annotations__, "example", "image_size", "target", "runtime"))
    if isinstance(example, nn.Module | Network) or hasattr(example, "network"):
        raise UserError("expected an example of the inputs, got a network; give several networks as a list")
    found = _named(networks, model)
    known = next((network for network in found.values() if network.example is not None), next(iter(found.values())))
    inputs = find_example(known, example, image_size)
    models = {name: network.model for name, network in found.items()}
    device = device_of(next(iter(models.values())))
    where = RuntimeOptions(target, options.get("threads", 1), str(device))
    return compare_latency(models, inputs, runtime, where, options.get("precision", 0.01), options.get("seconds", 30.0))


def compare_latency(
    networks: Mapping[str, nn.Module],
    example: Example,
    runtime: str | MakeRuntime,
    options: RuntimeOptions,
    precision: float,
    seconds: float,
) -> LatencyComparison:
    """Measure networks in turn, as `measure_latency` does.

    Args:
        networks: The networks by name; ratios are to the first one.
        example: The input, or inputs, of all.
        runtime: What runs them, as `amc.latency.runtimes.find_runtime` takes it.
        options: Where it runs them.
        precision: The wanted half-width of the interval, relative to the latency or ratio.
        seconds: The seconds after which measuring ends in any case.

    Raises:
        UserError: What `measure_latency` raises.
    """
    if options.threads < 1:
        raise UserError(f"expected {option('threads')} of 1 or more, got {options.threads}")
    if not 0 < precision < 1:
        raise UserError(f"expected {option('precision')} between 0 and 1, such as 0.01, got {precision}")
    if not 0 < seconds <= 3600:
        raise UserError(f"expected {option('seconds')} above 0 and of at most 3600, got {seconds}")
    with contextlib.closing(find_runtime(runtime)(options)) as running:
        timing = running.measure(list(networks.values()), example, precision, seconds)
        return LatencyComparison(tuple(networks), timing, options.target, dict(running.fingerprint), precision)


def _named(networks: Networks, original: OriginalLike | None) -> dict[str, GivenNetwork]:
    """The networks by names that differ."""
    if isinstance(networks, Mapping):
        found = {name: find_network(each, original) for name, each in networks.items()}
    else:
        several = networks if isinstance(networks, Sequence) and not isinstance(networks, str) else [networks]
        given = [find_network(each, original) for each in several]
        names = [each.name for each in given]
        found = {
            name if names.count(name) == 1 else f"{name} {names[:place].count(name) + 1}": each
            for place, (name, each) in enumerate(zip(names, given, strict=True))
        }
    if not found:
        raise UserError("expected one network or more, got none")
    return found


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g})"
