"""The options of `amc finetune`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from amc.utils.errors import UserError
from scripts.options.network_and_images import AUTO, DataOptions, NetworkOptions
from scripts.options.option_types import Folder, Form, Name, Run, Share
from scripts.options.training_options import TrainingOptions


@dataclass(frozen=True)
class Arguments:
    """Fine-tune the compact network of a run; leave it in a new folder, which the other commands read as a run's own.

    A classifier learns from the training images and from the outputs of the original network, any other network to give
    those outputs, with a loss of your own beside them or without. The epoch that is best on the reward images is kept.
    The data, the splits and the seed are those of the run.
    """

    COMMON: ClassVar = (
        "run_dir",
        "model",
        "data",
        "epochs",
        "batch_size",
        "lr",
        "crop_padding",
        "flip",
        "loss",
        "metric",
        "device",
        "out",
        "resume",
    )
    DEFAULTS: ClassVar = {"model": "that of the run", "data": "those of the run", "lr": "found by a short test"}
    EXAMPLES: ClassVar = (
        ("train the network of a search for ten epochs", "runs/first"),
        (
            "a network of your own, on photographs, for longer",
            "runs/first --model net.py:build --epochs 50 --flip --crop-padding 4",
        ),
        (
            "a detector with a loss of your own",
            "runs/boxes --model det.py:build --data det.py:data --metric map --loss det.py:loss",
        ),
        ("go on with a fine-tuning that was stopped", "--resume runs/first-tuned"),
    )

    network: NetworkOptions = field(default_factory=lambda: NetworkOptions(model=AUTO))
    images: DataOptions = field(default_factory=DataOptions)
    training: TrainingOptions = field(default_factory=lambda: TrainingOptions(epochs=10, batch_size=128, lr=None))
    run_dir: Run | None = None
    """Folder of a finished run, whose compact network is fine-tuned."""
    out: Folder | None = None
    """Folder for the results, new or empty; default: the run's folder with -tuned behind its name."""
    distillation: Share = 0.9
    """Share of the loss that the original network's outputs have, from 0 (none) to 1."""
    temperature: float = 4.0
    """Divisor of a classifier's outputs for soft targets: the higher, the more the less likely classes count."""
    loss: Annotated[str, Form("FILE:FUNCTION")] | None = None
    """What is minimised beside the original network's outputs, as path/to/file.py:function of network, inputs and
    targets; default: the cross-entropy of classifiers, of other networks nothing."""
    metric: Name | None = None
    """How networks are scored: top1, top5, miou, map, fidelity or path/to/file.py:function; default: as in the run."""
    output_kind: Annotated[str, Form("KIND")] | None = None
    """What the original's outputs are where fidelity compares them: scores or values, for all or by name, as
    logits=scores,boxes=values; default: as in the run, else values."""
    device: Name = "auto"
    """Device that networks run on: cpu, cuda, or auto for a GPU if there is one."""
    resume: Folder | None = None
    """Folder of a fine-tuning that was interrupted: go on with it, with its own options."""
    quiet: bool = False
    """Print nothing but mistakes."""

    def check(self) -> None:
        """Raise a UserError for what can be seen without reading anything."""
        if (self.run_dir is None) == (self.resume is None):
            raise UserError("expected RUN, the folder of a finished run, or --resume of a fine-tuning, one of them")
