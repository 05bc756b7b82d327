"""The options of `amc latency`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from amc.latency.target import LOCAL
from amc.utils.errors import UserError
from scripts.options.network_and_images import AUTO, NetworkOptions
from scripts.options.option_types import File, Folder, Name, Run, Seconds, Share

ONNXRUNTIME = "onnxruntime"


@dataclass(frozen=True)
class Arguments:
    """Print the latency of a network for one input, in ms with its 95 % interval.

    With RUN, the compact network of that run and its original are measured in turn, and their ratio is printed.
    With --layers, each layer is measured over its numbers of channels, as a search on latency knows it.
    """

    COMMON: ClassVar = (
        "run_dir",
        "model",
        "weights",
        "image_size",
        "target",
        "runtime",
        "threads",
        "device",
        "seconds",
        "layers",
    )
    DEFAULTS: ClassVar = {"model": "that of the run, else digits_resnet"}
    EXAMPLES: ClassVar = (
        ("the compact network of a run against its original", "runs/first"),
        ("on a Raspberry Pi that ssh reaches", "runs/first --target ssh:pi@raspberrypi.local"),
        ("each layer over its numbers of channels", "--model torchvision:resnet18 --layers"),
    )

    network: NetworkOptions = field(default_factory=lambda: NetworkOptions(model=AUTO))
    run_dir: Run | None = None
    """Folder of a finished run."""
    target: Name = LOCAL
    """Machine that measures: local, or ssh:[user@]host[:port], with Python, numpy and onnxruntime."""
    runtime: Name = ONNXRUNTIME
    """What runs the network: onnxruntime, torch (eager mode, only local) or path/to/file.py:function (which is
    given the target, the threads and the device)."""
    threads: int = 1
    """Threads of the runtime."""
    device: Name = "cpu"
    """Device of --runtime torch: cpu, cuda, or auto for a GPU if there is one."""
    precision: Share = 0.01
    """Wanted half-width of the interval, relative to the latency, or to the ratio where two are compared."""
    seconds: Seconds = 30.0
    """Time in seconds after which measuring ends in any case."""
    layers: bool = False
    """Build and print the latency table of the network's layers."""
    latency_table: File | None = None
    """Latency table that --layers reads, and completes where layers are missing; default: one in the user's cache
    folder."""
    plot: Folder | None = None
    """Folder for the pictures of --layers, one for each layer: channels against ms."""

    def check(self) -> None:
        """Raise a UserError for options that do not fit each other."""
        if not self.layers and (self.latency_table or self.plot):
            raise UserError("--latency-table and --plot go with --layers")
        if self.layers and (self.run_dir or self.runtime != ONNXRUNTIME):
            raise UserError("--layers measures the layers of --model by onnxruntime; leave RUN and --runtime out")
