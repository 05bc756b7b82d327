import re
import sys
from pathlib import Path

import pytest

from amc.networks import load_network
from scripts.pretrain import main


def call(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["pretrain", "--device", "cpu", *map(str, words)])
    main()


def test_it_writes_weights_of_a_network_that_reads_digits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.safetensors"
    call(monkeypatch, "--out", out, "--epochs", "4")
    load_network("digits_resnet", str(out))
    accuracies = re.findall(r"accuracy on (\d+) (\w+) images: (\d+\.\d+)%", capsys.readouterr().out)
    assert [(count, name) for count, name, _ in accuracies] == [("447", "val"), ("445", "test")]
    assert all(float(percent) > 80 for *_, percent in accuracies)
    assert list(tmp_path.iterdir()) == [out]


def test_the_same_seed_gives_the_same_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        call(monkeypatch, "--out", tmp_path / f"{name}.safetensors", "--epochs", "1", "--seed", str(seed))
    one, same, other = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "expected --epochs above 0, got 0"),
        (["--lr", "nan"], "expected --lr above 0, got nan"),
        (["--crop-padding", "-1"], "expected --crop-padding of 0 or more, got -1"),
        (["--label-smoothing", "1.5"], "expected --label-smoothing of 1 or less, got 1.5"),
        (["--out", "net.pt"], "expected --out to end in .safetensors, got net.pt"),
        (["--model", "digit_resnet"], "did you mean digits_resnet"),
        (["--data", "imagefolder:nowhere"], "expected a folder of images at nowhere/train, there is none"),
        (["--device", "tpu"], "expected a device that PyTorch can use"),
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
