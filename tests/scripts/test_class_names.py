"""A pretrained network on a few of its classes: they are matched by name, before and after pruning."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

import amc
from scripts import evaluate, train
from tests.command import succeed, summary


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of three classes of ImageNet, and weights in place of those that would be downloaded."""
    torch.manual_seed(1)
    published = models.squeezenet1_1().state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: published)
    pixels = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for name in ("tench", "hen", "Goldfish"):
            path = tmp_path / "images" / split / name
            path.mkdir(parents=True)
            for number in range(3):
                Image.fromarray(pixels.integers(0, 256, (48, 48, 3), dtype=np.uint8)).save(path / f"{number}.png")
    return tmp_path / "images"


def test_the_classes_of_a_compact_network_are_those_of_its_original(tmp_path: Path, folder: Path) -> None:
    run = tmp_path / "run"
    words = ("--model", "torchvision:squeezenet1_1", "--data", f"imagefolder:{folder}", "--image-size", "48")
    rule = ("--strategy", "uniform", "--recovery", "none", "--search-recovery", "none", "--metric", "top5")
    succeed(train, *words, *rule, "--budget", "macs=0.8", "--run-dir", run, "--quiet")
    reached = summary(run)["test_accuracy_policy"]
    assert f"{100 * reached:.2f} %" in succeed(evaluate, run).out
    images = amc.load_data(f"imagefolder:{folder}", image_size=48)
    assert amc.evaluate(run, images, "top5").score == reached

    network, outputs = amc.load(run), torch.tensor([1, 8, 0])  # of Goldfish, hen and tench
    ((inputs, targets),) = images.test.batches(9)
    hits = network(inputs).topk(5).indices == outputs[targets][:, None]
    assert float(hits.any(dim=1).float().mean()) == pytest.approx(reached)
