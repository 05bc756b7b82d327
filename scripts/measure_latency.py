"""The command that measures how long a network takes, here or on another machine."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from agents.report.terminal.column_widths import Column
from agents.report.terminal.text_table import print_table
from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.graph.input_spec import zero_inputs
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.runtimes import LatencyRuntime, RuntimeOptions, find_runtime
from amc.latency.target import LOCAL, parse_target
from amc.latency.timing import Estimate
from amc.task import prunable_graph
from amc.utils.errors import UserError
from scripts.command.cli import run
from scripts.command.finished_run import AUTO, arguments_without_weights, compact_network, fill_from_run
from scripts.command.layer_table import show_layers
from scripts.options.network_and_images import NetworkOptions

ONNXRUNTIME = "onnxruntime"


@dataclass(frozen=True)
class Arguments:
    """Print the latency of a network for one input, in ms with its 95 % interval.

    With --run-dir, the compact network of that run and its original are measured in turn, and their ratio is printed.
    With --layers, each layer is measured over its numbers of channels, as a search on latency knows it.
    """

    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = field(default_factory=lambda: NetworkOptions(model=AUTO))
    run_dir: Path | None = None
    """Folder of a finished run."""
    target: str = LOCAL
    """Machine that measures: local, or ssh:[user@]host[:port], with Python, numpy and onnxruntime."""
    runtime: str = ONNXRUNTIME
    """What runs the network: onnxruntime, torch (eager mode, only local) or path/to/file.py:function (which is
    given the target, the threads and the device)."""
    threads: int = 1
    """Threads of the runtime."""
    device: str = "cpu"
    """Device of --runtime torch: cpu, cuda, or auto for a GPU if there is one."""
    precision: float = 0.01
    """Wanted half-width of the interval, relative to the latency, or to the ratio where two are compared."""
    seconds: float = 30.0
    """Time in seconds after which measuring ends in any case."""
    layers: bool = False
    """Build and print the latency table of the network's layers."""
    latency_table: Path | None = None
    """Latency table that --layers reads, and completes where layers are missing; default: one in the user's cache
    folder."""
    plot: Path | None = None
    """Folder for the pictures of --layers, one for each layer: channels against ms."""


def measure_latency(arguments: Arguments) -> None:
    """Load the network, measure it and print its latency in ms.

    Raises:
        UserError: Arguments that do not fit each other, or a device that can't be reached.
    """
    _check(arguments)
    if arguments.layers:
        _layers(arguments)
        return
    where = RuntimeOptions(arguments.target, arguments.threads, arguments.device)
    with contextlib.closing(find_runtime(arguments.runtime)(where)) as runtime:
        _measure(arguments, runtime)


def _measure(arguments: Arguments, runtime: LatencyRuntime) -> None:
    recorded = arguments_without_weights(arguments.run_dir, arguments.network) if arguments.run_dir else {}
    options = fill_from_run(arguments.network, recorded)
    original = options.load()
    networks = {"original": original.model}
    if arguments.run_dir is not None:
        networks["pruned"] = compact_network(arguments.run_dir, original)
        example = zero_inputs(read_policy(arguments.run_dir / POLICY_FILE).inputs)
    else:
        example = options.example(original)
    timing = runtime.measure(list(networks.values()), example, arguments.precision, arguments.seconds)
    where = runtime.fingerprint
    print_table(
        [Column("network"), Column("latency, ms (95 % interval)"), Column("of the original (95 % interval)")],
        [
            (name, _shown(latency), _shown(ratio))
            for name, latency, ratio in zip(networks, timing.latencies, timing.ratios, strict=True)
        ],
        original.name,
    )
    print(f"{where['runtime']}, {where['threads']} thread(s), on {arguments.target}: {where.get('gpu', where['cpu'])}")
    if timing.spread > arguments.precision:
        print(
            f"the wanted precision of {arguments.precision:.1%} was not reached in {timing.rounds} blocks;"
            " give more --seconds, or let the machine do nothing else"
        )


def _layers(arguments: Arguments) -> None:
    network = arguments.network.load()
    example = arguments.network.example(network)
    with Device(parse_target(arguments.target), arguments.threads) as device:
        exporter = Exporter(network.model, prunable_graph(network.model, example), example)
        show_layers(device, exporter, arguments.latency_table, arguments.plot)


def _check(arguments: Arguments) -> None:
    if not arguments.layers and (arguments.latency_table or arguments.plot):
        raise UserError("--latency-table and --plot go with --layers")
    if arguments.layers and (arguments.run_dir or arguments.runtime != ONNXRUNTIME):
        raise UserError("--layers measures the layers of --model by onnxruntime; leave --run-dir and --runtime out")
    if arguments.threads < 1:
        raise UserError(f"expected --threads of 1 or more, got {arguments.threads}")
    if not 0 < arguments.precision < 1:
        raise UserError(f"expected --precision between 0 and 1, such as 0.01, got {arguments.precision}")
    if not 0 < arguments.seconds <= 3600:
        raise UserError(f"expected --seconds above 0 and of at most 3600, got {arguments.seconds}")


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g})"


def main() -> None:
    """Measure the network that the command line names; the function behind the command."""
    run(measure_latency, Arguments)


if __name__ == "__main__":
    main()
