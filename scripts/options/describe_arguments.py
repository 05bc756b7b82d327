"""The options of `amc describe`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from scripts.options.network_and_images import ChannelOptions, NetworkOptions


@dataclass(frozen=True)
class Arguments:
    """Print the channel groups of a network, what is frozen and why, its costs and the least that pruning can leave."""

    EXAMPLES: ClassVar = (
        ("your own network", "--model net.py:build --image-size 64"),
        (
            "what is left to prune where the first layers stay as they are",
            "--model torchvision:resnet18 --freeze conv1 layer1",
        ),
    )

    network: NetworkOptions = field(default_factory=NetworkOptions)
    channels: ChannelOptions = field(default_factory=ChannelOptions)
