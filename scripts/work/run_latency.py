"""The command that measures how long a network takes, here or on another machine."""

from __future__ import annotations

import sys

from amc.artifacts.policy import POLICY_FILE, read_policy
from amc.graph.input_spec import zero_inputs
from amc.latency.latency_comparison import compare_latency
from amc.latency.measuring_device import Device
from amc.latency.onnx_slicing import Exporter
from amc.latency.runtimes import RuntimeOptions
from amc.latency.target import parse_target
from amc.prunable_graph import prunable_graph
from amc.utils.progress_bar import progress_bar
from scripts.command.finished_run import arguments_without_weights, check_given, compact_network, fill_from_run
from scripts.command.layer_table import show_layers
from scripts.command.loading import example_without_data, load_original
from scripts.options.cli_arguments import given_options
from scripts.options.latency_arguments import Arguments


def run_latency(arguments: Arguments) -> None:
    """Load the network, measure it and print its latency in ms.

    Raises:
        UserError: Arguments that do not fit each other, or a device that can't be reached.
    """
    arguments.check()
    if arguments.layers:
        _layers(arguments)
    else:
        _compare(arguments)


def _compare(arguments: Arguments) -> None:
    """Measure a network, or the compact network of a run in turn with its original."""
    recorded = arguments_without_weights(arguments.run_dir, arguments.network) if arguments.run_dir else {}
    check_given({"model": recorded.get("model")}, given_options(arguments))
    options = fill_from_run(arguments.network, recorded)
    original = load_original(options)
    if arguments.run_dir is not None:
        networks = {"original": original.model, "pruned": compact_network(arguments.run_dir, original)}
        example = zero_inputs(read_policy(arguments.run_dir / POLICY_FILE).inputs)
    else:
        networks = {original.name: original.model}
        example = example_without_data(options, original)
    where = RuntimeOptions(arguments.target, arguments.threads, arguments.device)
    with progress_bar(f"measuring, for about {arguments.seconds:g} s at most"):
        compared = compare_latency(networks, example, arguments.runtime, where, arguments.precision, arguments.seconds)
    print(compared)
    if arguments.run_dir is not None and compared.timing.ratios[1].low >= 1:
        print(
            "note: the pruned network is not faster: fewer channels take less time only where their number suits the"
            " machine; search again with --round-to 8, --round-to device or --budget latency=0.8",
            file=sys.stderr,
        )


def _layers(arguments: Arguments) -> None:
    network = load_original(arguments.network)
    example = example_without_data(arguments.network, network)
    with Device(parse_target(arguments.target), arguments.threads) as device:
        exporter = Exporter(network.model, prunable_graph(network.model, example), example)
        show_layers(device, exporter, arguments.latency_table, arguments.plot)
