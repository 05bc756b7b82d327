"""A search on images without labels, from its data to the commands that go on from it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import amc
from agents.report.python_lines import python_lines
from scripts import apply, evaluate, finetune, pretrain, train
from tests.command import fail, succeed, summary

FILE = """
import torch
from torch import nn

class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU())
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        maps = self.body(x)
        return {"logits": self.head(maps.mean(dim=(2, 3))), "boxes": maps.mean(dim=1)}

def build():
    torch.manual_seed(0)
    return Heads().eval()
"""
FIDELITY = ("--metric", "fidelity", "--output-kind", "logits=scores")
FEW = ("--budget", "macs=0.6", "--round-to", "1")


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(FILE)
    Path("photos").mkdir()
    for number in range(16):
        noise = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(noise).save(Path("photos", f"{number}.png"))
    return ("--model", "own.py:build", "--image-size", "8", "--mean", "0.5", "--std", "0.25", "--data", "images:photos")


def test_a_search_scores_by_fidelity_and_its_files_say_so(words: tuple[str, ...]) -> None:
    done = succeed(train, *words, *FIDELITY, *FEW, "--episodes", "3", "--run-dir", "run")
    assert "original: fidelity 1.0000 on 4 reward images (validation)" in done.out
    assert "note: 16 images are divided at random" in done.err
    found = summary(Path("run"))
    assert found["metric"] == found["arguments"]["metric"] == "fidelity"
    assert found["arguments"]["output_kind"] == "logits=scores"
    assert found["arguments"]["data"] == f"images:{Path('photos').absolute()}"
    assert found["original_accuracy"] == found["test_accuracy_original"] == 1.0
    assert 0 < found["policy_accuracy"] < 1
    kept = f"{found['test_accuracy_policy']:.4f}"
    assert kept in done.out
    assert "accuracy" not in done.out
    page = Path("run/report.html").read_text()
    assert kept in page
    assert "fidelity" in page
    assert "accuracy" not in page.partition("<body")[2]

    told = ("--run-dir", "run", *words[:2], *FIDELITY[:2])
    assert re.search(rf"fidelity on 4 test images +│ {kept} ", succeed(evaluate, *told).out)
    assert kept not in succeed(evaluate, *told, "--output-kind", "values").out

    policy = Path("run/policy.json")
    again = succeed(apply, "--policy", policy, *words, *FIDELITY, "--round-to", "1", "--run-dir", "applied")
    assert "fidelity 1.0000" in again.out
    assert summary(Path("applied"))["policy_accuracy"] == pytest.approx(found["policy_accuracy"], abs=1e-4)
    written = json.loads(policy.read_text())
    assert (written["metric"], written["accuracy_before"]) == ("fidelity", 1.0)


def test_python_finds_the_same(words: tuple[str, ...]) -> None:
    network = amc.load_network(words[1])
    splits = amc.load_data(words[-1], image_size=8, mean=[0.5], std=[0.25])
    result = amc.search(
        network,
        splits,
        "macs=0.6",
        episodes=2,
        strategy="random",
        metric="fidelity",
        output_kind="logits=scores",
        round_to=1,
    )
    assert result.original.reward == result.original.test == 1.0
    again = amc.evaluate(result.network, splits, "fidelity", model=network, output_kind="logits=scores", device="cpu")
    assert again.score == pytest.approx(result.found.test, abs=1e-6)
    assert "fidelity" in repr(result)
    result.save("run")
    line = python_lines(Path("run"), result.summary["arguments"])["evaluate"]
    assert eval(line, {"amc": amc, "data": splits, "model": network}).score == pytest.approx(again.score)


def test_what_needs_labels_is_refused_in_one_line(words: tuple[str, ...]) -> None:
    needs = "top1 and top5 need the classes of images, which images:photos does not tell; give --metric fidelity"
    assert needs in fail(train, *words, *FEW, "--run-dir", "run")
    assert needs in fail(evaluate, *words, "--metric", "top5")
    assert "a training needs the classes of images" in fail(pretrain, *words, "--out", "net.safetensors")
    assert not Path("net.safetensors").exists()
    message = fail(train, *words, *FIDELITY[:2], "--output-kind", "box=values", "--run-dir", "run2")
    assert "expected --output-kind as scores or values for all outputs, or NAME=KIND" in message
    assert "the network returns logits (n, 5), boxes (n, 4, 4)" in message


@pytest.mark.backward
def test_a_classifier_is_tuned_on_the_originals_outputs_alone(words: tuple[str, ...]) -> None:
    Path("own.py").write_text(
        "import torch\nfrom torch import nn\n\ndef build():\n    torch.manual_seed(0)\n    return nn.Sequential("
        "nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))\n"
    )
    kind = ("--metric", "fidelity", "--output-kind", "scores")
    succeed(train, *words, *kind, *FEW, "--strategy", "uniform", "--quiet", "--run-dir", "run")
    tune = ("--run-dir", "run", *words[:2], "--epochs", "1", "--crop-padding", "0")
    out = succeed(finetune, *tune, "--out", "tuned").out
    assert "fidelity" in out
    assert summary(Path("tuned"))["arguments"]["output_kind"] == "scores"
