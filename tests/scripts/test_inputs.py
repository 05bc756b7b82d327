"""Networks of several inputs on the command line."""

import re
from pathlib import Path

import pytest
import torch

import amc
from amc.networks.sources import load_network
from scripts import apply, describe, evaluate, export, pretrain, train
from tests.command import fail, succeed, summary

FILE = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.depth = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(1, 12, 3, padding=1)
        self.words = nn.Embedding(9, 16)
        self.mix, self.fc = nn.Conv2d(28, 24, 3), nn.Linear(40, 4)

    def forward(self, image, depth, words):
        x = torch.relu(self.mix(torch.cat([self.image(image).relu(), self.depth(depth).relu()], 1)))
        return self.fc(torch.cat([x.mean((2, 3)), self.words(words).mean(1)], 1))

def build():
    torch.manual_seed(0)
    return Pair()

def collate(items):
    *inputs, targets = map(torch.stack, zip(*items))
    return inputs, targets

def loader(seed, count):
    random = torch.Generator().manual_seed(seed)
    images, depths = torch.randn(count, 3, 8, 8, generator=random), torch.randn(count, 1, 8, 8, generator=random)
    words = torch.randint(0, 9, (count, 2), generator=random)
    with torch.no_grad():
        targets = build()(images, depths, words).argmax(1)
    return DataLoader(TensorDataset(images, depths, words, targets), batch_size=16, collate_fn=collate)

def data():
    return {"train": loader(0, 60), "val": loader(1, 40), "test": loader(2, 40)}

def alone():
    return nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 3))
"""
SPEC = "3x8x8,1x8x8,2:int64"
FEW = ("--round-to", "1", "--budget", "macs=0.5", "--episodes", "3", "--quiet")


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.chdir(tmp_path)
    Path("pair.py").write_text(FILE)
    return ("--model", "pair.py:build", "--data", "pair.py:data")


def test_a_network_of_several_inputs_is_described(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = succeed(describe, *words[:2], "--input-spec", SPEC).out
    assert re.findall(r"^│ (\S+) +│ \d+ (?:to|or) \d+", out, re.MULTILINE) == ["image", "depth", "mix"]
    assert re.search(r"│ fc +│ 4 +│ output of the network", out)
    macs = 64 * 9 * (16 * 3 + 12 * 1) + 36 * 9 * 24 * 28 + 4 * 40
    assert re.search(rf"│ MACs +│ {macs:,} ", out)


def test_an_input_that_is_no_image(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert words
    out = succeed(describe, "--model", "pair.py:alone", "--input-spec", "6").out
    assert re.search(r"│ 0 +│ 20 to 4 by 1 +│.+│ 0 +│ 2 +│", out)


def test_it_is_searched_scored_again_and_its_policy_applied(words: tuple[str, ...]) -> None:
    succeed(train, *words, "--input-spec", SPEC, *FEW, "--run-dir", "run")
    found = summary(Path("run"))
    assert found["original_accuracy"] == 1.0
    assert found["macs_after"] <= 0.5 * found["macs_before"]
    network = amc.load("run", load_network("pair.py:build").model)
    inputs = (torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8), torch.zeros(2, 2, dtype=torch.int64))
    assert network(*inputs).shape == (2, 4)
    scored = succeed(evaluate, "--run-dir", "run", *words)
    assert f"{100 * found['test_accuracy_policy']:.2f} %" in scored.out
    succeed(apply, "--policy", "run/policy.json", *words, "--round-to", "1", "--quiet", "--run-dir", "again")
    assert summary(Path("again"))["test_accuracy_policy"] == found["test_accuracy_policy"]
    succeed(export, "--run-dir", "run", "--format", "program", "--model", "pair.py:build")
    exported = torch.export.load("run/compact.pt2").module()
    torch.testing.assert_close(exported(*inputs), network(*inputs))


def test_mistakes_are_one_line(words: tuple[str, ...]) -> None:
    build = words[:2]
    assert "pair.py:build is not known; give --image-size or --input-spec" in fail(describe, *build)
    message = fail(describe, *build, "--input-spec", "3x8x8")
    assert "the network fails on an input of shape (1, 3, 8, 8): TypeError" in message
    assert "or --input-spec" in message
    message = fail(describe, *build, "--input-spec", "3x8x8,1x8x8,2")
    assert "the network fails on inputs of shapes (1, 3, 8, 8), (1, 1, 8, 8), (1, 2): RuntimeError" in message
    assert "expected --input-spec such as" in fail(describe, *build, "--input-spec", "3*8*8")
    message = fail(describe, *build, "--input-spec", SPEC, "--image-size", "8")
    assert "--input-spec says the whole shape of each input; leave --image-size out" in message
    message = fail(train, *words, *FEW, "--input-spec", "3x8x8", "--run-dir", "run")
    assert f"the data gives inputs of {SPEC}, got --input-spec 3x8x8" in message
    assert "expected --input-spec such as" in fail(train, *words, *FEW, "--input-spec", "8,", "--run-dir", "run")
    assert not Path("run").exists()


@pytest.mark.backward
def test_a_classifier_of_several_inputs_is_trained(words: tuple[str, ...]) -> None:
    succeed(pretrain, *words, "--epochs", "2", "--out", "net.safetensors")
    assert Path("net.safetensors").is_file()
