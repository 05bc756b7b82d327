"""A small trained network with a name, for tests of commands to which the size of a network does not matter."""

import copy
import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from amc.compression import output_changes
from amc.data import splits
from amc.data.load import load_data
from amc.data.preprocess import DIGITS
from amc.networks.models import MODELS
from amc.networks.models.digits_resnet import ProjectionBlock
from amc.networks.sources import PREPROCESS
from amc.scoring import candidates
from amc.utils.safe_backward import safe_backward

NAME = "small_resnet"
SMALL = ("--model", NAME, "--weights", "none", "--data", "digits")
"""Options of a command that works on it; its weights are those that it is built with."""
WEIGHTS = Path(__file__).with_name("small_network.safetensors")
"""Written by `python -m tests.small_network`."""
CALIBRATION_IMAGES = 200
"""How many images networks are calibrated with by default in tests: more than one batch, the one of those scored."""
FOR_USERS = splits.CALIBRATION_IMAGES
"""How many they are by default where no test changes it."""
EPOCHS = 6
LEARNING_RATE = 0.02


class SmallResNet(nn.Module):
    """Two blocks of the network for digits, with four channel groups: images [B, 1, 8, 8] to logits [B, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.stages = nn.Sequential(ProjectionBlock(8, 8, stride=1), ProjectionBlock(8, 16, stride=2))
        self.classifier = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.stages(self.stem(x)).mean(dim=(2, 3)))
        return out


def small_resnet() -> nn.Module:
    """Return the network, which reads nine digits in ten."""
    return copy.deepcopy(_trained())


@contextmanager
def quick_searches() -> Iterator[None]:
    """Networks by name are also this one; networks are calibrated, and changes of outputs estimated, on few images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output_changes, "PASSES", 8)
        patch.setattr(splits, "CALIBRATION_IMAGES", CALIBRATION_IMAGES)
        patch.setattr(candidates, "CALIBRATION_BATCHES", 1)
        patch.setitem(MODELS, NAME, small_resnet)
        patch.setitem(PREPROCESS, NAME, DIGITS)
        yield


def program(command: str) -> tuple[str, ...]:
    """Return the words that run a command in a process of its own, to which its options are added.

    There the network has a name, and no charts are drawn.
    """
    lines = (
        f"from scripts.{command} import main",
        "from tests.command import pictures",
        "from tests.small_network import quick_searches",
        "with quick_searches(), pictures(drawn=False):",
        "    main()",
    )
    return (sys.executable, "-c", "\n".join(lines))


@functools.cache
def _trained() -> nn.Module:
    with torch.random.fork_rng():
        network = SmallResNet()
    load_model(network, WEIGHTS)
    return network.eval()


def train() -> None:
    """Train the network, and write its weights: that takes longer than a small search."""
    (inputs, targets), *_ = load_data("digits", DIGITS).train.batches(2000)
    torch.manual_seed(0)
    network = SmallResNet()
    optimizer = torch.optim.Adam(network.parameters())
    batches = [places for _ in range(EPOCHS) for places in torch.randperm(len(targets)).split(64)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=len(batches))
    for places in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(network(inputs[places]), targets[places])
        with safe_backward():
            loss.backward()
        optimizer.step()
        schedule.step()
    save_model(network, str(WEIGHTS))


if __name__ == "__main__":
    train()
