"""Image folders on the command line: what is said of them, and what a run remembers."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from envs import Outcome, PruningProblem
from scripts import evaluate, finetune, pretrain, train
from tests.command import fail, succeed, summary

CLASSES = 12
FILE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 12))
"""
PREPARED = ("--model", "own.py:build", "--image-size", "8", "--mean", "0", "--std", "1")
FEW = ("--budget", "macs=0.7", "--round-to", "1", "--episodes", "2")


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Class k of twelve lies in folder k; a file that is no image beside each of the test images."""
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(FILE)
    for split in ("train", "valid", "test"):
        for label in range(CLASSES):
            folder = Path("images", split, str(label))
            folder.mkdir(parents=True)
            for number in range(2):
                noise = np.random.default_rng([label, number]).integers(0, 20, (8, 8), dtype=np.uint8)
                Image.fromarray(noise + np.uint8(20 * label)).save(folder / f"{number}.png")
        (folder / "notes.txt").touch()
    return (*PREPARED, "--data", "imagefolder:images")


def test_what_there_is_to_tell_is_on_standard_error(words: tuple[str, ...]) -> None:
    err = succeed(evaluate, *words).err
    assert "note: images/valid is taken as val\n" in err
    assert "note: 3 files are passed over: 3 .txt\n" in err
    assert re.search("^warning: the folders of classes have numbers.*: 0, 1, 10, 11, 2 and 7 more; ", err, re.MULTILINE)
    assert "in the order of text" not in succeed(evaluate, *words, "--class-order", "number").err
    assert "unknown class order 'size'; there are name, number" in fail(evaluate, *words, "--class-order", "size")


def test_a_network_of_ones_own_is_told_how_images_are_normalised_where_nobody_says_it(words: tuple[str, ...]) -> None:
    Path("colours.py").write_text(FILE.replace("Conv2d(1,", "Conv2d(3,"))
    data = words[-2:]
    imagenet = "inputs of 3x8x8, mean 0.485 0.456 0.406, std 0.229 0.224 0.225, those of ImageNet; --mean and --std"
    size = ("--model", "colours.py:build", "--image-size", "8", *data)
    assert imagenet in succeed(evaluate, *size).err
    assert "ImageNet" not in succeed(evaluate, *size, "--mean", "0", "0", "0", "--std", "1", "1", "1").err
    assert "ImageNet" not in succeed(evaluate, *words).err


@pytest.mark.backward
def test_a_run_remembers_the_order_of_the_classes(words: tuple[str, ...]) -> None:
    err = succeed(train, *words, *FEW, "--class-order", "number", "--quiet", "--run-dir", "run").err
    assert err == ""
    assert summary(Path("run"))["arguments"]["class_order"] == "number"
    assert "order of text" not in succeed(evaluate, "--run-dir", "run", *words[:2]).err
    assert "order of text" in succeed(evaluate, "--run-dir", "run", *words[:2], "--class-order", "name").err
    succeed(finetune, "--run-dir", "run", *words[:2], "--epochs", "1", "--quiet")
    assert summary(Path("run-tuned"))["arguments"]["class_order"] == "number"
    earlier = Path("run/summary.json")
    earlier.write_text(earlier.read_text().replace('"class_order": "number"', '"another": 1'))
    assert "order of text" in succeed(evaluate, "--run-dir", "run", *words[:2]).err


def test_a_damaged_test_image_is_found_before_the_search(words: tuple[str, ...]) -> None:
    broken = Path("images/test/3/1.png")
    broken.write_bytes(broken.read_bytes().replace(b"IDAT", b"IDAT\0\0"))  # between its beginning and its end
    assert f"{broken} can't be read as an image: " in fail(train, *words, *FEW, "--quiet", "--run-dir", "run")
    assert not Path("run").exists()


def test_a_test_image_that_is_broken_during_the_search_costs_nothing(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Path("images/test/3/1.png")
    whole, outcome = broken.read_bytes(), PruningProblem.outcome

    def breaking(problem: PruningProblem, *given: Any) -> Outcome:
        broken.write_bytes(whole.replace(b"IDAT", b"IDAT\0\0"))
        return outcome(problem, *given)

    with monkeypatch.context() as patch:
        patch.setattr(PruningProblem, "outcome", breaking)
        error = fail(train, *words, *FEW, "--quiet", "--run-dir", "run")
    assert f"{broken} can't be read as an image: " in error
    command = f"python -m amc train --resume {Path.cwd()}/run --model {Path.cwd()}/own.py:build"
    assert "policy.json" in error
    assert error.endswith(f"; go on with: {command}\n")
    assert Path("run/policy.json").exists()
    broken.write_bytes(whole)
    succeed(train, *command.split()[4:], "--quiet")
    assert summary(Path("run"))["episodes"] == 2


@pytest.mark.backward
def test_pretrain_counts_the_classes_as_asked(words: tuple[str, ...]) -> None:
    few = ("--epochs", "1", "--batch-size", "24", "--out", "net.safetensors")
    assert "order of text" in succeed(pretrain, *words, *few).err
    assert "order of text" not in succeed(pretrain, *words, *few, "--class-order", "number").err
