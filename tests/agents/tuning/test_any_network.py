"""Fine-tuning of networks that are no classifiers."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import agents
from agents.tuning.finetuning import finetune
from amc.artifacts.checked_json import read_object
from amc.data.load import load_data
from amc.scoring.metrics import Batches
from amc.task import Task
from amc.task_options import TaskOptions
from scripts import finetune as finetune_command
from scripts import train
from tests.command import fail, pictures, succeed

pytestmark = pytest.mark.backward

FEW: dict[str, Any] = {"epochs": 3, "batch_size": 16, "lr": 0.01}


class Places(nn.Module):
    """Finds bright places from two images, and returns how bright they are: as many numbers as there are places."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.near, self.far = nn.Conv2d(1, 12, 3, padding=1), nn.Conv2d(2, 12, 3, padding=1)
            self.mix, self.norm = nn.Conv2d(24, 16, 3, padding=1), nn.BatchNorm2d(16)
            self.score = nn.Conv2d(16, 1, 1)

    def forward(self, *, near: Tensor, far: Tensor) -> Any:
        x = torch.cat([self.near(near).relu(), self.far(far).relu()], 1)
        scores = self.score(self.norm(self.mix(x)).relu())
        return {"loss": scores} if self.training else scores[scores > 0]


def pairs() -> dict[str, DataLoader[Any]]:
    """Batches of two images by name, and how bright one of them is."""

    def collate(items: list[tuple[Tensor, Tensor]]) -> tuple[dict[str, Tensor], Tensor]:
        near, far = (torch.stack(each) for each in zip(*items, strict=True))
        return {"near": near, "far": far}, near

    found = {}
    for seed, (name, count) in enumerate({"train": 64, "val": 24, "test": 16}.items()):
        generator = torch.Generator().manual_seed(seed)
        images = [torch.randn(count, channels, 8, 8, generator=generator) for channels in (1, 2)]
        found[name] = DataLoader(TensorDataset(*images), batch_size=16, collate_fn=collate)
    return found


def brightness(model: nn.Module, batches: Batches) -> float:
    """How near the brightness of the places is to that of the first image, which no network knows yet."""
    return -sum(float((model(**inputs).mean() - targets.mean()).abs()) for inputs, targets in batches)


@pytest.fixture(scope="module")
def searched() -> agents.SearchResult:
    torch.manual_seed(0)
    splits = load_data(pairs(), sizes={"calibration": 32})
    options = TaskOptions(metric="fidelity", recovery="none", search_recovery="none", name="places")
    original = Places()
    for _ in range(20):  # batch norms that know their statistics
        for inputs, _targets in splits.train.batches(16):
            original(**inputs)
    return agents.search(Task(original.eval(), splits, ["macs=0.5"], options), episodes=1, strategy="uniform")


def test_the_original_is_imitated_by_its_raw_heads_without_labels(searched: agents.SearchResult) -> None:
    before = [parameter.clone() for parameter in searched.network.parameters()]
    tuned = finetune(searched, **FEW, ema=0.5)
    reward, test = tuned.comparison.reward, tuned.comparison.test
    assert reward["original"] == test["original"] == 1.0
    assert reward["pruned"] < 0.8
    assert reward["tuned"] > reward["pruned"] + 0.02
    assert test["tuned"] > test["pruned"] + 0.02
    losses = [epoch.loss for epoch in tuned.epochs]
    assert losses[-1] < 0.7 * losses[0]
    assert all(map(torch.equal, before, searched.network.parameters()))


def test_a_loss_replaces_it_or_is_added(searched: agents.SearchResult, tmp_path: Path) -> None:
    modes = []

    def loss(model: nn.Module, inputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        modes.append(model.training)
        found: Tensor = (model(**inputs)["loss"] - targets).square().mean()
        return found

    alone = finetune(searched, **FEW, loss=loss, distillation=0, metric=brightness, crop_padding=0)
    assert alone.epochs[-1].loss < 0.7 * alone.epochs[0].loss
    both = finetune(searched, **FEW, loss=loss, distillation=0.5, metric=brightness, crop_padding=0, accumulate=2)
    assert all(modes)
    assert both.epochs[-1].loss < both.epochs[0].loss
    assert both.steps == alone.steps / 2
    with pictures(drawn=False):
        both.save(tmp_path / "tuned")
    recorded = read_object(tmp_path / "tuned" / "summary.json")["arguments"]
    assert recorded["loss"].endswith("test_a_loss_replaces_it_or_is_added.<locals>.loss")
    assert (recorded["accumulate"], recorded["ema"]) == (2, 0.0)
    assert recorded["loss"] in unescape((tmp_path / "tuned" / "report.html").read_text(encoding="utf-8"))


FILE = """
import torch
from torch import nn
from torch.utils.data import TensorDataset


class Depth(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(16, 1, 1)

    def forward(self, x):
        return self.out(self.body(x))


def data():
    images = torch.randn(48, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    half, eighth = TensorDataset(images, images[:, 0]), [images[:12], images[:12, 0]]
    return {"train": half, "val": TensorDataset(*eighth), "test": TensorDataset(*eighth)}


def error(model, batches):
    return -sum(float((model(images)[:, 0] - depths).square().mean()) for images, depths in batches)


def loss(model, images, depths):
    return (model(images)[:, 0] - depths).square().mean()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with a regressor, its images with a map of depths each, its metric and its loss."""
    monkeypatch.chdir(tmp_path)
    Path("depth.py").write_text(FILE)
    return "depth.py"


def test_a_regressor_from_the_command_line(own: str) -> None:
    words = ("--model", f"{own}:build", "--data", f"{own}:data", "--metric", f"{own}:error")
    Path(own).write_text(FILE + "\n\ndef build():\n    return Depth()\n")
    done = succeed(train, *words, "--strategy", "uniform", "--recovery", "none", "--run-dir", "run")
    assert "amc finetune" in done.out
    tune = ("--run-dir", "run", *words, "--epochs", "2", "--batch-size", "12", "--quiet")
    succeed(finetune_command, *tune, "--out", "imitated")
    succeed(finetune_command, *tune, "--loss", f"{own}:loss", "--distillation", "0", "--out", "trained")
    found = {name: read_object(Path(name) / "summary.json") for name in ("imitated", "trained")}
    assert found["trained"]["tuned_accuracy"] > found["trained"]["pruned_accuracy"]
    assert found["trained"]["arguments"]["loss"] == f"{Path(own).absolute()}:loss"
    assert "depth.py has no function 'gain'" in fail(finetune_command, *tune, "--loss", f"{own}:gain")
    assert not Path("run-tuned").exists()
