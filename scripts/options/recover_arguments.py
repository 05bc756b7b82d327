"""The options of `amc recover`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from amc.utils.defaults import BLOCKWISE
from scripts.options.network_and_images import AUTO, DataOptions, NetworkOptions
from scripts.options.option_types import Folder, Form, Name, Run


@dataclass(frozen=True)
class Arguments:
    """Give the compact network of a run new weights, from calibration images alone and without labels.

    It is left in a new folder, which the other commands read as a run's own. The data, the splits and the seed are
    those of the run.
    """

    COMMON: ClassVar = ("run_dir", "recovery", "model", "data", "metric", "device", "out")
    DEFAULTS: ClassVar = {"model": "that of the run", "data": "those of the run"}
    EXAMPLES: ClassVar = (
        ("train the network of a search to compute what the original does", "runs/first"),
        ("a network of your own", "runs/first --model net.py:build"),
    )

    run_dir: Run
    """Folder of a finished run, whose compact network is recovered; nothing in it is changed."""
    network: NetworkOptions = field(default_factory=lambda: NetworkOptions(model=AUTO))
    images: DataOptions = field(default_factory=DataOptions)
    recovery: Name = BLOCKWISE
    """How: blockwise (by gradients, from the weights that the run left), or a closed form, by which it is made again
    from the original: asymmetric, both, closed_form, reconstruction, statistics or none."""
    out: Folder | None = None
    """Folder for the network, new or empty; default: the run's folder with -recovered behind its name."""
    metric: Name | None = None
    """How networks are scored: top1, top5, miou, map, fidelity or path/to/file.py:function; default: as in the run."""
    output_kind: Annotated[str, Form("KIND")] | None = None
    """What the original's outputs are where they are compared: scores or values, for all or by name, as
    logits=scores,boxes=values; default: as in the run, else values, or scores with top1 and top5."""
    device: Name = "auto"
    """Device that networks run on: cpu, cuda, or auto for a GPU if there is one."""
    quiet: bool = False
    """Print nothing but mistakes."""
