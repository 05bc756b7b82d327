"""The options of `amc evaluate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from scripts.options.network_and_images import AUTO, DataOptions, NetworkOptions
from scripts.options.option_types import Form, Name, Run


@dataclass(frozen=True)
class Arguments:
    """Print accuracy, MACs, parameters and time per image of a network.

    With RUN, the network is the compact one of that run, on the data of that run unless other data is given. Without
    it, the network is an original.
    """

    COMMON: ClassVar = ("run_dir", "model", "weights", "data", "image_size", "mean", "std", "split", "metric", "device")
    DEFAULTS: ClassVar = {
        "model": "that of the run, else digits_resnet",
        "data": "those of the run, else digits for digits_resnet alone",
    }
    EXAMPLES: ClassVar = (
        ("the compact network of a run, on the data of that run", "runs/first"),
        ("an original", "--model torchvision:resnet18 --data imagefolder:imagenet"),
    )

    network: NetworkOptions = field(default_factory=lambda: NetworkOptions(model=AUTO))
    images: DataOptions = field(default_factory=DataOptions)
    run_dir: Run | None = None
    """Folder of a finished run, whose compact network is scored."""
    split: Name = "test"
    """Images that are scored: test or reward."""
    metric: Name | None = None
    """How a network is scored: top1, top5, miou, map, fidelity or path/to/file.py:function; default: as in the run,
    else top1."""
    output_kind: Annotated[str, Form("KIND")] | None = None
    """What the original's outputs are where fidelity compares them: scores or values, for all or by name, as
    logits=scores,boxes=values; default: as in the run, else values."""
    seed: int | None = None
    """Seed of the splits; default: that of the run, else 0."""
    device: Name = "auto"
    """Device that the network runs on: cpu, cuda, or auto for a GPU if there is one."""
