"""The options of `amc describe`."""

from __future__ import annotations

from dataclasses import dataclass, field

from scripts.options.network_and_images import ChannelOptions, NetworkOptions


@dataclass(frozen=True)
class Arguments:
    """Print the channel groups of a network, what is frozen and why, its costs and the least that pruning can leave."""

    network: NetworkOptions = field(default_factory=NetworkOptions)
    channels: ChannelOptions = field(default_factory=ChannelOptions)
