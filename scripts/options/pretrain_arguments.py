"""The options of `amc pretrain`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from amc.utils.defaults import CLASS_ORDER
from amc.utils.errors import UserError
from amc.utils.seeds import check_seed
from scripts.options.network_and_images import ImageOptions
from scripts.options.option_types import File, Folder, Name
from scripts.options.training_options import TrainingOptions

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Arguments:
    """Train a network by SGD and write the weights: from random weights, or from those that your own function returns.

    The splits are those of a search with the same data and seed: the images that a search scores networks on are never
    trained on. The epoch that is best on them is kept.
    """

    COMMON: ClassVar = (
        "out",
        "model",
        "data",
        "image_size",
        "mean",
        "std",
        "epochs",
        "batch_size",
        "lr",
        "crop_padding",
        "flip",
        "resume",
    )
    DEFAULTS: ClassVar = {"data": "digits for digits_resnet alone"}
    EXAMPLES: ClassVar = (
        (
            "a network of your own on a folder of photographs",
            "--out net.safetensors --model net.py:build --data imagefolder:photos --image-size 64 --flip",
        ),
        ("go on with a training that was stopped", "--resume net-training"),
    )

    out: File | None = None
    """File that the weights are written to (.safetensors), from the epoch that is best on val/, or on the images that
    stand for it."""
    model: Name = "digits_resnet"
    """Network: a name (digits_resnet, resnet56, mobilenet_v1, ...), torchvision:NAME, timm:NAME or
    path/to/file.py:function."""
    preparation: ImageOptions = field(default_factory=ImageOptions)
    data: Name | None = None
    """Images: imagefolder:PATH (with train/, and val/, test/ or both), cifar10, digits or path/to/file.py:function."""
    class_order: Name = CLASS_ORDER
    """How the folders of an image folder's classes are numbered: name, in the order of text (as torchvision's
    ImageFolder), or number, by the numbers in their names."""
    training: TrainingOptions = field(default_factory=lambda: TrainingOptions(label_smoothing=0.1, precision="float32"))
    seed: int = 0
    """Seed of the random weights, the splits, and the order and changes of the images."""
    device: Name = "auto"
    """Device that the network is trained on: cpu, cuda, or auto for a GPU if there is one."""

    resume: Folder | None = None
    """Folder of a training that was interrupted, NAME-training beside NAME.safetensors: go on with it, with its own
    options."""

    def check(self) -> None:
        """Raise a UserError for what can be seen without reading anything."""
        check_seed(self.seed)
        if (self.out is None) == (self.resume is None):
            raise UserError("expected --out of a new training or --resume of one that was interrupted, one of them")
        if self.out is not None and self.out.suffix != SUFFIX:
            raise UserError(f"expected --out to end in {SUFFIX}, got {self.out}")
