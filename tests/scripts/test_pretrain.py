import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from amc.networks.sources import load_network
from amc.networks.weight_files import read_state_dict
from amc.training.training_loop import Training
from scripts import pretrain, report
from scripts.pretrain import main
from tests import command
from tests.command import fail, succeed
from tests.scripts.interrupting import Interrupting
from tests.small_network import NAME

pytestmark = pytest.mark.backward


def call(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["pretrain", "--device", "cpu", *map(str, words)])
    main()


def test_it_writes_weights_of_a_network_that_reads_digits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.safetensors"
    call(monkeypatch, "--out", out, "--epochs", "4")
    load_network("digits_resnet", str(out))
    accuracies = re.findall(r"accuracy on (\d+) (\w+) images: (\d+\.\d+) %", capsys.readouterr().out)
    assert [(count, name) for count, name, _ in accuracies] == [("447", "reward"), ("445", "test")]
    assert all(float(percent) > 80 for *_, percent in accuracies)
    assert list(tmp_path.iterdir()) == [out]


def test_the_same_seed_gives_the_same_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        call(monkeypatch, "--out", tmp_path / f"{name}.safetensors", "--epochs", "1", "--seed", str(seed))
    one, same, other = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert one == same
    assert one != other


FEW = ("--model", NAME, "--data", "digits", "--epochs", "2", "--batch-size", "32")  # of 29 steps each


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of an uninterrupted training."""
    out = tmp_path_factory.mktemp("whole") / "net.safetensors"
    succeed(pretrain, "--out", out, *FEW)
    return out


@pytest.mark.parametrize(("at", "is_there"), [(2, False), (40, True)])
def test_an_interrupted_training_keeps_its_best_epoch_and_comes_to_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, whole: Path, at: int, is_there: bool
) -> None:
    out, folder = tmp_path / "net.safetensors", tmp_path / "net-training"
    monkeypatch.setattr("agents.tuning.training_run.CHECKPOINT_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        Interrupting(patch, at, KeyboardInterrupt())
        done = command.call(pretrain, "--out", out, *FEW)
    assert done.status == 130
    assert done.out.splitlines()[-1] == f"go on with: python -m amc pretrain --resume {folder}"
    assert (f"wrote {out}, the best epoch so far" in done.err) == out.exists() == is_there
    assert "holds a training from the start, which has no report" in fail(report, "--run-dir", folder)
    torch.manual_seed(1)  # whatever another process draws
    succeed(pretrain, "--resume", folder)
    assert out.read_bytes() == whole.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_the_best_epoch_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that is followed by an epoch with a learning rate at which all is lost."""
    first, both = tmp_path / "first.safetensors", tmp_path / "both.safetensors"
    words = ("--schedule", "cosine", "--batch-size", "64")
    with monkeypatch.context() as patch:
        patch.setattr("agents.tuning.training_run.CHECKPOINT_SECONDS", 0.0)
        Interrupting(patch, 16, KeyboardInterrupt())  # 15 steps each
        with pytest.raises(SystemExit):
            call(patch, "--out", first, "--epochs", "2", *words)
    with monkeypatch.context() as patch:
        Spoiling(patch, 16)
        call(patch, "--out", both, "--epochs", "2", *words)
    assert both.read_bytes() == first.read_bytes()


class Spoiling:
    """Takes steps of a training as it does, but wipes the network out in step number `at`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        step, steps = Training._step, 0

        def spoilt(training: Training, batches: Any) -> torch.Tensor:
            nonlocal steps
            steps += 1
            if steps == at:
                with torch.no_grad():
                    for parameter in training._model.parameters():
                        parameter.zero_()
            return step(training, batches)

        monkeypatch.setattr(Training, "_step", spoilt)


def test_a_users_network_learns_from_an_image_folder_and_begins_with_its_own_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    pixels, labels = load_digits(return_X_y=True)
    for number, (digit, label) in enumerate(zip(pixels[:200], labels[:200], strict=True)):
        folder = tmp_path / "images" / ("train" if number < 160 else "val") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digit.reshape(8, 8) / 16 * 255).astype("uint8")).save(folder / f"{number}.png")
    out = tmp_path / "net.safetensors"
    words = ("--model", f"{tmp_path / 'net.py'}:build", "--data", f"imagefolder:{tmp_path / 'images'}")
    how = ("--image-size", "8", "--mean", "0.5", "--std", "0.25", "--epochs", "1", "--lr", "1e-9")
    call(monkeypatch, *words, *how, "--weight-decay", "0", "--out", out)
    weights = read_state_dict(out)
    assert weights["0.weight"].shape == (4, 1, 3, 3)
    assert torch.allclose(weights["0.weight"], torch.full((4, 1, 3, 3), 0.25), atol=1e-6)


NETWORK = """
from torch import nn

def build():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    nn.init.constant_(network[0].weight, 0.25)
    return network
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "expected --epochs above 0, got 0"),
        (["--lr", "nan"], "expected --lr above 0, got nan"),
        (["--crop-padding", "-1"], "expected --crop-padding of 0 or more, got -1"),
        (["--label-smoothing", "1.5"], "expected --label-smoothing of 1 or less, got 1.5"),
        (["--resume", "net-training"], "expected --out of a new training or --resume of one"),
        (["--out", "net.pt"], "expected --out to end in .safetensors, got net.pt"),
        (["--model", "digit_resnet"], "did you mean digits_resnet"),
        (["--data", "imagefolder:nowhere"], "expected a folder of images at nowhere/train, there is none"),
        (["--device", "tpu"], "expected a device that PyTorch can use"),
        (["--schedule", "steps"], "unknown schedule 'steps'; there are cosine, one_cycle"),
        (["--image-size", "0"], "expected --image-size above 0 pixels, got 0"),
    ],
)
def test_mistakes_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, "--out", "net.safetensors", *words)
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
