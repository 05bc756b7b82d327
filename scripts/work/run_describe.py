"""The command that shows what of a network can be pruned and where its costs are, which takes no data."""

from __future__ import annotations

from amc.describe_network import describe
from scripts.command.loading import example_without_data, load_original
from scripts.options.describe_arguments import Arguments
from scripts.options.network_and_images import join_repeated, parse_rounding


def run_describe(arguments: Arguments) -> None:
    """Analyse the network and print its channel groups, what is frozen, and the costs.

    Raises:
        UserError: A network that can't be loaded or run, or of which nothing can be pruned.
    """
    arguments.check()
    channels = arguments.channels
    network = load_original(arguments.network)
    description = describe(
        network,
        example_without_data(arguments.network, network),
        round_to=parse_rounding(channels.round_to),
        max_sparsity=channels.max_sparsity,
        freeze=join_repeated(channels.freeze),
        only=join_repeated(channels.only),
        latency=arguments.latency and arguments.target,
    )
    print(description)
