"""The command that shows what of a network can be pruned, which takes no data."""

from __future__ import annotations

from agents.report.terminal.graph_tables import print_graph
from amc.cost.costs import COSTS
from amc.task import TaskOptions, prunable_graph
from scripts.command.loading import example_without_data, load_original
from scripts.options.describe_arguments import Arguments
from scripts.options.network_and_images import join_repeated, parse_rounding


def run_describe(arguments: Arguments) -> None:
    """Analyse the network and print its channel groups and costs.

    Raises:
        UserError: A network that can't be loaded or run, or of which nothing can be pruned.
    """
    channels = arguments.channels
    network = load_original(arguments.network)
    options = TaskOptions(
        round_to=parse_rounding(channels.round_to),
        max_sparsity=channels.max_sparsity,
        freeze=join_repeated(channels.freeze),
        only=join_repeated(channels.only),
    )
    graph = prunable_graph(network.model, example_without_data(arguments.network, network), options)
    costs = {}
    for kind, make in COSTS.items():
        cost = make(graph)
        costs[kind] = cost(graph.full), cost(graph.least)
    print_graph(graph, costs)
