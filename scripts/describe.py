"""The command that shows what of a network can be pruned, which takes no data."""

from __future__ import annotations

from dataclasses import dataclass, field

import tyro

from agents.report.terminal.graph_tables import print_graph
from amc.cost.costs import COSTS
from amc.task import TaskOptions, prunable_graph
from scripts.command.cli import run
from scripts.options.network_and_images import ChannelOptions, NetworkOptions, join_repeated, parse_rounding


@dataclass(frozen=True)
class Arguments:
    """Print the channel groups of a network, what is frozen and why, its costs and the least that pruning can leave."""

    network: tyro.conf.OmitArgPrefixes[NetworkOptions] = field(default_factory=NetworkOptions)
    channels: tyro.conf.OmitArgPrefixes[ChannelOptions] = field(default_factory=ChannelOptions)


def describe(arguments: Arguments) -> None:
    """Analyse the network and print its channel groups and costs.

    Raises:
        UserError: A network that can't be loaded or run, or of which nothing can be pruned.
    """
    channels = arguments.channels
    network = arguments.network.load()
    options = TaskOptions(
        round_to=parse_rounding(channels.round_to),
        max_sparsity=channels.max_sparsity,
        freeze=join_repeated(channels.freeze),
        only=join_repeated(channels.only),
    )
    graph = prunable_graph(network.model, arguments.network.example(network), options)
    costs = {}
    for kind, make in COSTS.items():
        cost = make(graph)
        costs[kind] = cost(graph.full), cost(graph.least)
    print_graph(graph, costs)


def main() -> None:
    """Describe the network that the command line names; the function behind the command."""
    run(describe, Arguments)


if __name__ == "__main__":
    main()
