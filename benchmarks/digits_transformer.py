"""A small vision transformer, trained on handwritten digits: the network that docs/transformers.md prunes.

`python -m benchmarks.digits_transformer --out FILE` writes its weights; `build` makes it for the commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from amc.data.load import load_splits
from amc.networks.weight_files import write_state_dict
from amc.pruning.slicing import stored_tensors
from benchmarks.runs import percent
from scripts.command.cli import run

BATCH = 64
"""The number of images that a step of the training reads."""
SHIFT = 1
"""The pixels by which images are shifted at the most while the network is trained."""


@dataclass(frozen=True)
class Arguments:
    """Train a vision transformer on digits and write its weights."""

    out: Path
    """The file of the weights (.safetensors)."""
    epochs: int = 120
    """Passes over the 905 training images."""


def build() -> nn.Module:
    """A transformer of four blocks for the digits, `(n, 1, 8, 8)`, in patches of 2 x 2 pixels."""
    return VisionTransformer(
        img_size=8, patch_size=2, in_chans=1, num_classes=10, embed_dim=48, depth=4, num_heads=4, mlp_ratio=2
    )


def train(epochs: int) -> nn.Module:
    """Train the network by AdamW on the images that a search calls training images."""
    torch.manual_seed(0)
    model = build()
    images, targets = (torch.cat(each) for each in zip(*load_splits("digits").train.batches(BATCH), strict=True))
    steps = epochs * -(-len(images) // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for places in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(model(_shifted(images[places])), targets[places], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def _shifted(images: Tensor) -> Tensor:
    """Images `(n, 1, h, w)`, all shifted by the same random number of pixels."""
    down, right = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
    return images.roll((down, right), (2, 3))


def transformer(arguments: Arguments) -> None:
    """Train the network, write its weights, and print how many digits it knows."""
    torch.set_num_threads(1)
    model = train(arguments.epochs)
    write_state_dict(arguments.out, stored_tensors(model))
    splits = load_splits("digits")
    for name, part in {"reward": splits.reward, "test": splits.test}.items():
        images, targets = (torch.cat(each) for each in zip(*part.batches(BATCH), strict=True))
        with torch.no_grad():
            right = float((model(images).argmax(1) == targets).double().mean())
        print(f"accuracy on {len(targets)} {name} images: {percent(right)}")


def main() -> None:
    """Run as a command."""
    run(transformer, Arguments)


if __name__ == "__main__":
    main()
