from pathlib import Path

import pytest

from amc.scoring import evaluation
from scripts import train
from tests.command import succeed
from tests.small_network import SMALL


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on the packaged network with its pictures, with few episodes and images to calibrate with."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    words = ("--episodes", "8", "--calibration-images", "200", "--criterion", "l1")  # which uniform is not the best by
    succeed(train, *words, "--run-dir", folder, drawn=True)
    return folder


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on the small network, at half of its MACs."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    succeed(train, *SMALL, "--budget", "macs=0.5", "--episodes", "4", "--run-dir", folder)
    return folder


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times that `evaluate` prints are not looked at."""
    monkeypatch.setattr(evaluation, "TIMED_SECONDS", 0.0)


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A user's file with a network, data and metrics."""
    path = tmp_path / "own.py"
    path.write_text(OWN_FILE)
    return path


OWN_FILE = """
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.models import mobilenet_v3_small

def build():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 4),
    )

def mobile():
    torch.manual_seed(0)
    return mobilenet_v3_small(num_classes=2)

class Noise(torch.utils.data.Dataset):
    def __init__(self, seed, count):
        self.images = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
        self.targets = torch.arange(count) % 4

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], self.targets[index]

def data():
    return {"train": Noise(0, 40), "val": Noise(1, 32), "test": Noise(2, 24)}

def without_val():
    return {"train": Noise(0, 40), "test": Noise(2, 24)}

def loaders():
    return {name: DataLoader(part, batch_size=8) for name, part in data().items()}

def agreement(model, batches):
    return -sum(float(model(inputs).square().mean()) for inputs, _ in batches)

def broken(model, batches):
    raise ValueError("no\\nboxes")

def unnumbered(model, batches):
    return float("nan")
"""
