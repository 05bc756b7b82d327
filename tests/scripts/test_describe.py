import re
from pathlib import Path

import pytest

from scripts import describe
from tests.command import fail, succeed


def test_groups_frozen_layers_and_costs_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = succeed(describe).out
    assert re.search(
        r"│ stem.0 +│ 12 to 3 by 1 +│ 21.1 % +│ ██████ +│ 4.3 % +│.+│ stem.0, stages.0.conv2, stages.1.conv2", out
    )
    assert re.search(r"│ stages.5.conv1 +│ 48 to 10 by 2 +│ 8.9 % .+│ stages.5.conv1 +│ stages.5.conv2 +│", out)
    assert re.search(r"│ classifier +│ 10 +│ output of the network +│", out)
    assert re.search(r"│ MACs +│ 928,992 +│ 48,564 +│ 5.23 % +│", out)
    assert re.search(r"│ parameters +│ 98,782 +│ 4,666 +│ 4.72 % +│", out)


def test_no_data_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.command.loading.load_splits", None)
    succeed(describe, "--model", "resnet20", "--weights", "none")


def test_a_torchvision_network_by_name_with_every_name_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = ("--model", "torchvision:mobilenet_v3_small", "--weights", "none", "--image-size", "64")
    out = succeed(describe, *words).out
    assert "…" not in out
    monkeypatch.setenv("COLUMNS", "300")
    out = succeed(describe, *words).out
    groups = out[: out.index("frozen")]
    assert len(re.findall(r"^│ (?:features|classifier)\.\S+ +│ \d+ to \d+ by \d+ +│", groups, re.MULTILINE)) == 27
    assert re.search(r"classifier.3 +│ 1000 +│ output of the network", out)


def test_widths_are_those_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = succeed(describe, "--round-to", "8", "--max-sparsity", "0.5").out
    assert re.search(r"│ stem.0 +│ 12 or 8 +│", out)
    assert re.search(r"│ stages.3.conv1 +│ 24 or 16 +│", out)
    assert re.search(r"│ stages.5.conv1 +│ 48 to 24 by 8 +│", out)


def test_what_the_user_freezes_is_listed_with_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    words = ("--freeze", "stages.5", "stem", "--freeze", "stages.0*", "--only", "*conv1", "*.shortcut*")
    out = succeed(describe, *words).out
    groups, frozen = out[: out.index("frozen")], out[out.index("frozen") :]
    assert re.findall(r"^│ (\S+) +│ \d+ to", groups, re.MULTILINE) == [
        *(f"stages.{index}" for index in ("1.conv1", "2.conv1", "2.conv2", "3.conv1", "4.conv1"))
    ]
    assert re.findall(r"^│ (\S.*?) +│ \d+ +│ (.+?) +│", frozen, re.MULTILINE) == [
        ("classifier", "output of the network"),
        ("stem.0", "frozen by --freeze stem"),
        ("stages.0.conv1", "frozen by --freeze stages.0*"),
        ("stages.4.conv2, stages.5.conv1", "frozen by --freeze stages.5"),
    ]


def test_the_input_size_of_a_users_network_is_asked_for(own_file: Path) -> None:
    words = ("--model", f"{own_file}:build")
    assert f"the input size of {own_file}:build is not known; give --image-size or --input-spec" in fail(
        describe, *words
    )
    assert "expected input[1, 3, 8, 8] to have 1 channels" in fail(describe, *words, "--image-size", "8")
    out = succeed(describe, *words, "--image-size", "8", "--mean", "0.5", "--std", "0.5").out
    assert re.search(r"│ 3 +│ 24 to 5 by 1 +│", out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--mean 0.5 --std 0.5 --model {}:build", "--mean and --std need --image-size too"),
        ("--max-sparsity 0", "the largest sparsity is a share between 0 and 1, got 0.0"),
        ("--max-sparsity 0.0001", "no channels of this network can be pruned"),
        ("--freeze stages.9", "--freeze stages.9 matches no layer and no module that has layers; did you mean stages."),
        ("--only classifier", "can be pruned: not among --only classifier; output of the network"),
        ("--round-to -8", "expected --round-to auto, device or a whole number of channels above 0, got '-8'"),
        ("--model {}:data", "to return a torch.nn.Module, got dict"),
        ("--model torchvision:vit_b_16 --weights none --image-size 32", "AssertionError: Wrong image height"),
        ("--image-size -3", "expected --image-size above 0 pixels, got -3"),
    ],
)
def test_mistakes_are_one_line(own_file: Path, words: str, message: str) -> None:
    assert message in fail(describe, *words.format(own_file).split())
