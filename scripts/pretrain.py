"""Train a network from random weights, so that there is something to prune."""

from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from amc.data.augment import Augmentation
from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.device import find_device
from amc.errors import UserError
from amc.evaluate import METRICS, moved
from amc.networks import load_network
from amc.registry import look_up
from amc.training import PRECISIONS, Recipe, train
from amc.weights import write_state_dict
from scripts.cli import run
from scripts.options import check_seed

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Arguments:
    """Train a network from random weights by SGD and write the weights.

    The splits are those of a search with the same data and seed: images that it scores networks
    on are never trained on.
    """

    out: Path
    """File that the weights are written to (.safetensors)."""
    model: str = "digits_resnet"
    """Network: a name (digits_resnet, resnet56, mobilenet_v1, ...), torchvision:NAME or path/to/file.py:function."""
    data: str = "digits"
    """Images: digits, cifar10, imagefolder:PATH (with train/, and val/, test/ or both) or path/to/file.py:function."""
    epochs: int = 100
    """Passes over the training images."""
    batch_size: int = 32
    """Images per step."""
    lr: float = 0.1
    """Learning rate at its peak."""
    weight_decay: float = 5e-4
    """L2 penalty on the weights."""
    label_smoothing: float = 0.1
    """Share of each target that is spread over all classes, from 0 to 1."""
    crop_padding: int = 1
    """How far training images are shifted at random, in pixels (4 is common for CIFAR-10)."""
    flip: bool = False
    """Mirror half of the training images left to right (for photographs)."""
    precision: str = "float32"
    """Of the forward pass: float32, or bfloat16 (about twice as fast on processors that have it)."""
    seed: int = 0
    """Of the random weights, the splits, and the order and changes of the images."""
    device: str = "auto"
    """Where to train: cpu, cuda, or auto for a GPU if there is one."""

    def __post_init__(self) -> None:
        """Raise a `UserError` for a number that makes no sense."""
        for name in ("epochs", "batch_size", "lr"):
            if not getattr(self, name) > 0:
                raise UserError(f"expected --{name.replace('_', '-')} above 0, got {getattr(self, name)}")
        for name in ("weight_decay", "label_smoothing", "crop_padding"):
            if not getattr(self, name) >= 0:
                raise UserError(f"expected --{name.replace('_', '-')} of 0 or more, got {getattr(self, name)}")
        check_seed(self.seed)
        look_up("precision", self.precision, PRECISIONS)
        if self.label_smoothing > 1:
            raise UserError(f"expected --label-smoothing of 1 or less, got {self.label_smoothing}")
        if self.out.suffix != ".safetensors":
            raise UserError(f"expected --out to end in .safetensors, got {self.out}")


def pretrain(arguments: Arguments) -> None:
    """Train, write the weights, print the accuracies."""
    device = find_device(arguments.device)
    torch.manual_seed(arguments.seed)
    network = load_network(arguments.model, weights="none")
    model = network.model.to(device)
    splits = load_data(arguments.data, network.preprocess, SplitSizes(calibration=1), arguments.seed, progress=True)
    if not isinstance(splits.train.example(1), torch.Tensor):
        raise UserError(f"networks of several inputs are not trained here; {arguments.data} gives several")
    recipe = Recipe(
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=arguments.lr,
        weight_decay=arguments.weight_decay,
        label_smoothing=arguments.label_smoothing,
        augmentation=Augmentation(arguments.crop_padding, arguments.flip),
        seed=arguments.seed,
        precision=arguments.precision,
    )
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=recipe.epochs)
        for loss in train(model, splits.train, recipe, device):
            bar.update(task, advance=1, description=f"training, loss {loss:.3f}")
    write_state_dict(arguments.out, model.state_dict())
    print(f"wrote {arguments.out}")
    for name, images in (("val", splits.reward), ("test", splits.test)):
        accuracy = METRICS["top1"](model, moved(images.batches(EVALUATION_BATCH), device))
        print(f"accuracy on {len(images):,} {name} images: {accuracy:.2%}")


def main() -> None:
    """Run from the command line."""
    run(pretrain, Arguments)


if __name__ == "__main__":
    main()
