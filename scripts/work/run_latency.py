"""The command that measures how long a network takes, here or on another machine."""

from __future__ import annotations

import contextlib

from agents.report.terminal.column_widths import Column
from agents.report.terminal.text_table import print_table
from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.graph.input_spec import zero_inputs
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.runtimes import LatencyRuntime, RuntimeOptions, find_runtime
from amc.latency.target import parse_target
from amc.latency.timing import Estimate
from amc.task import prunable_graph
from scripts.command.finished_run import arguments_without_weights, compact_network, fill_from_run
from scripts.command.layer_table import show_layers
from scripts.command.loading import example_without_data, load_original
from scripts.options.latency_arguments import Arguments


def run_latency(arguments: Arguments) -> None:
    """Load the network, measure it and print its latency in ms.

    Raises:
        UserError: Arguments that do not fit each other, or a device that can't be reached.
    """
    arguments.check()
    if arguments.layers:
        _layers(arguments)
        return
    where = RuntimeOptions(arguments.target, arguments.threads, arguments.device)
    with contextlib.closing(find_runtime(arguments.runtime)(where)) as runtime:
        _measure(arguments, runtime)


def _measure(arguments: Arguments, runtime: LatencyRuntime) -> None:
    recorded = arguments_without_weights(arguments.run_dir, arguments.network) if arguments.run_dir else {}
    options = fill_from_run(arguments.network, recorded)
    original = load_original(options)
    networks = {"original": original.model}
    if arguments.run_dir is not None:
        networks["pruned"] = compact_network(arguments.run_dir, original)
        example = zero_inputs(read_policy(arguments.run_dir / POLICY_FILE).inputs)
    else:
        example = example_without_data(options, original)
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
    network = load_original(arguments.network)
    example = example_without_data(arguments.network, network)
    with Device(parse_target(arguments.target), arguments.threads) as device:
        exporter = Exporter(network.model, prunable_graph(network.model, example), example)
        show_layers(device, exporter, arguments.latency_table, arguments.plot)


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g})"
