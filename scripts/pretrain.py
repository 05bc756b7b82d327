"""Train a network, so that there is something to prune."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro

from amc.data.load import load_data
from amc.data.splits import SplitSizes
from amc.device import find_device
from amc.errors import UserError
from amc.evaluate import METRICS, moved
from amc.networks import load_network
from amc.training import Training
from amc.weights import write_state_dict
from scripts.cli import run
from scripts.options import CLASS_ORDER, ImageOptions, check_seed, print_notes
from scripts.progress import training_progress
from scripts.shown import score
from scripts.training_options import TrainingOptions

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Arguments:
    """Train a network by SGD and write the weights: from random weights, or from those that your own function returns.

    The splits are those of a search with the same data and seed: images that it scores networks
    on are never trained on.
    """

    out: Path
    """File that the weights are written to (.safetensors)."""
    model: str = "digits_resnet"
    """Network: a name (digits_resnet, resnet56, mobilenet_v1, ...), torchvision:NAME, timm:NAME or
    path/to/file.py:function."""
    preparation: tyro.conf.OmitArgPrefixes[ImageOptions] = field(default_factory=ImageOptions)
    data: str = "digits"
    """Images: digits, cifar10, imagefolder:PATH (with train/, and val/, test/ or both) or path/to/file.py:function."""
    class_order: str = CLASS_ORDER
    """How the folders of an image folder's classes are numbered: name, in the order of text (as torchvision's
    ImageFolder), or number, by the numbers in their names."""
    training: tyro.conf.OmitArgPrefixes[TrainingOptions] = field(
        default_factory=lambda: TrainingOptions(label_smoothing=0.1, precision="float32")
    )
    seed: int = 0
    """Of the random weights, the splits, and the order and changes of the images."""
    device: str = "auto"
    """Where to train: cpu, cuda, or auto for a GPU if there is one."""

    def check(self) -> None:
        """Raise a UserError for what can be told without reading anything."""
        self.training.check()
        check_seed(self.seed)
        if self.out.suffix != ".safetensors":
            raise UserError(f"expected --out to end in .safetensors, got {self.out}")


def pretrain(arguments: Arguments) -> None:
    """Train, write the weights, print the accuracies."""
    arguments.check()
    device = find_device(arguments.device)
    torch.manual_seed(arguments.seed)
    network = load_network(arguments.model, weights="none")
    model = network.model.to(device)
    preprocess = arguments.preparation.preprocess(network.preprocess)
    splits = load_data(
        arguments.data,
        preprocess,
        SplitSizes(calibration=1),
        arguments.seed,
        progress=True,
        class_order=arguments.class_order,
    )
    print_notes(splits)
    training = Training(model, splits.train, arguments.training.recipe(arguments.seed), device)
    with training_progress(arguments.training.epochs, quiet=False) as bar:
        while training.epoch < arguments.training.epochs:
            for _ in training.rest_of_epoch():
                bar.step(training.done, f"loss {training.mean_loss:.3f}")
            bar.epoch(training.epoch + 1, f"loss {training.mean_loss:.3f}")
            training.next_epoch()
    write_state_dict(arguments.out, model.state_dict())
    print(f"wrote {arguments.out}")
    for name, images in (("val", splits.reward), ("test", splits.test)):
        accuracy = METRICS["top1"](model, moved(images.batches(EVALUATION_BATCH), device))
        print(f"accuracy on {len(images):,} {name} images: {score('top1', accuracy)}")


def main() -> None:
    """Run from the command line."""
    run(pretrain, Arguments)


if __name__ == "__main__":
    main()
