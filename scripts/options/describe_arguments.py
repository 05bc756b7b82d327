"""The options of `amc describe`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from amc.latency.target import LOCAL
from amc.utils.errors import UserError
from scripts.options.network_and_images import ChannelOptions, NetworkOptions
from scripts.options.option_types import Name


@dataclass(frozen=True)
class Arguments:
    """Print the channel groups of a network with their shares of its costs, what is frozen and why, and the costs.

    With --latency, the network and its layers are measured, too, which takes about a second for each kind of layer.
    """

    EXAMPLES: ClassVar = (
        ("your own network", "--model net.py:build --image-size 64"),
        ("where its time goes on this machine", "--model net.py:build --image-size 64 --latency"),
        (
            "what is left to prune where the first layers stay as they are",
            "--model torchvision:resnet18 --freeze conv1 layer1",
        ),
    )

    network: NetworkOptions = field(default_factory=NetworkOptions)
    channels: ChannelOptions = field(default_factory=ChannelOptions)
    latency: bool = False
    """Measure the network and its layers in ONNX Runtime, with one thread."""
    target: Name = LOCAL
    """Machine that --latency measures on: local, or ssh:[user@]host[:port], with Python, numpy and onnxruntime."""

    def check(self) -> None:
        """Raise a UserError for options that do not fit each other."""
        if self.target != LOCAL and not self.latency:
            raise UserError("--target goes with --latency")
