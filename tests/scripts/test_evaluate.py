import json
import re
import shlex
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from amc.networks.sources import load_network
from amc.networks.weight_files import write_state_dict
from scripts import evaluate, export, finetune, train
from tests.command import fail, succeed, summary

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run that a test may damage."""
    folder = tmp_path / "copied"
    shutil.copytree(finished, folder)
    return folder


@pytest.fixture
def own_run(tmp_path: Path, own_file: Path) -> Path:
    """A run on the user's own network, data and metric, after which the file would not import again."""
    folder = tmp_path / "run"
    words = ("--model", f"{own_file}:build", "--data", f"{own_file}:data", "--metric", f"{own_file}:agreement")
    succeed(train, *words, "--budget", "macs=0.5", "--strategy", "uniform", "--run-dir", folder, "--quiet")
    return folder


def change(path: Path, how: Change) -> None:
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content))


def set_argument(name: str, value: object, content: dict[str, Any]) -> None:
    content["arguments"][name] = value


def rows(out: str) -> dict[str, str]:
    """What the printed table says, by its first column."""
    return dict(re.findall(r"│ (.+?) +│ (.+?) +│", out))


@pytest.mark.parametrize(
    ("split", "images", "name"),
    [("test", "445 test", "test_accuracy_policy"), ("reward", "447 reward (validation)", "policy_accuracy")],
)
def test_a_run_scores_as_its_summary_says(finished: Path, split: str, images: str, name: str) -> None:
    found, table = summary(finished), rows(succeed(evaluate, "--run-dir", finished, "--split", split).out)
    assert table[f"top1 on {images} images"] == f"{100 * found[name]:.2f} %"
    assert table["MACs"] == f"{found['macs_after']:,}"
    assert table["parameters"] == f"{found['params_after']:,}"
    for batch in (1, 64):
        assert re.fullmatch(r"\d+\.\d{3} ms", table[f"time per image, {batch} at once on cpu"])


@pytest.mark.parametrize(
    ("split", "images", "name"),
    [("test", "445 test", "test_accuracy_original"), ("reward", "447 reward (validation)", "original_accuracy")],
)
def test_an_original_scores_as_a_summary_says(finished: Path, split: str, images: str, name: str) -> None:
    found, table = summary(finished), rows(succeed(evaluate, "--split", split, "--device", "cpu").out)
    assert table[f"top1 on {images} images"] == f"{100 * found[name]:.2f} %"
    assert table["MACs"] == f"{found['macs_before']:,}"


def test_it_changes_nothing(finished: Path) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    for _ in range(2):
        succeed(evaluate, "--run-dir", finished)
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_options_that_are_given_go_before_those_of_the_run(finished: Path) -> None:
    done = succeed(evaluate, "--run-dir", finished, "--metric", "top5", "--test-images", "100", "--seed", "3")
    assert rows(done.out)["top5 on 100 test images"] == "100.00 %"


def test_options_of_the_run_are_taken_over(tmp_path: Path) -> None:
    words = ("--metric", "top5", "--test-images", "70", "--seed", "2", "--image-size", "9")
    few = ("--strategy", "uniform", "--calibration-images", "50", "--reward-split", "50")
    succeed(train, *words, *few, "--run-dir", tmp_path, "--quiet")
    table = rows(succeed(evaluate, "--run-dir", tmp_path).out)
    assert table["top5 on 70 test images"] == f"{100 * summary(tmp_path)['test_accuracy_policy']:.2f} %"
    assert table["MACs"] == f"{summary(tmp_path)['macs_after']:,}"


def test_the_users_functions_are_not_imported_unless_given(
    own_run: Path, own_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    own_file.write_text(f"from pathlib import Path\nPath({str(own_file)!r} + '.ran').touch()\n" + own_file.read_text())
    functions = f"--model {own_file}:build --data {own_file}:data --metric {own_file}:agreement"
    message = fail(evaluate, own_run)
    assert f"the run used {functions}, which is not imported because a file names it; run: " in message
    assert not own_file.with_suffix(".py.ran").exists()
    given = shlex.split(message.partition("; run: python -m amc evaluate ")[2])
    assert given == [str(own_run), *functions.split()]
    table = rows(succeed(evaluate, *given).out)
    assert table[f"{own_file}:agreement on 24 test images"] == f"{summary(own_run)['test_accuracy_policy']:.4f}"


def test_a_policy_that_names_a_users_file_does_not_import_it(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    spec = f"{tmp_path / 'evil.py'}:build"
    change(copied / "policy.json", lambda policy: policy.update(model=spec))
    succeed(evaluate, "--run-dir", copied)
    for option in ("model", "data", "metric"):
        change(copied / "summary.json", partial(set_argument, option, spec))
        assert "which is not imported because a file names it" in fail(evaluate, "--run-dir", copied)
    assert not (tmp_path / "ran").exists()


def test_another_network_is_refused(finished: Path, own_run: Path, own_file: Path) -> None:
    err = fail(evaluate, "--run-dir", finished, "--model", "resnet20")
    assert f"{finished} holds a compact digits_resnet, got --model resnet20; leave it out" in err
    (narrower := own_file.with_name("narrower.py")).write_text(own_file.read_text().replace("24", "12"))
    err = fail(evaluate, "--run-dir", own_run, "--data", "digits", "--metric", "top1", "--model", f"{narrower}:build")
    assert "the network tells 4 classes apart, the data has 10" in err
    words = ("--data", f"{narrower}:data", "--metric", "top1", "--model", f"{narrower}:build")
    err = fail(evaluate, "--run-dir", own_run, *words)
    assert "as this model does not have it; give the model that the policy was made for" in err


def test_weights_beside_a_run_are_refused(finished: Path, tmp_path: Path) -> None:
    write_state_dict(tmp_path / "net.safetensors", load_network("digits_resnet").model.state_dict())
    err = fail(evaluate, "--run-dir", finished, "--weights", tmp_path / "net.safetensors")
    assert f"the compact network in {finished} has weights of its own; leave --weights out" in err


@pytest.mark.parametrize("name", ["policy.json", "summary.json", "compact.safetensors"])
@pytest.mark.parametrize(
    "content", [None, b"", b"\xff\xfe", b"[]", b"[" * 100_000, "cut"], ids=lambda each: str(each)[:9]
)
def test_damaged_files_are_one_line(copied: Path, name: str, content: bytes | str | None) -> None:
    path = copied / name
    if content is None:
        path.unlink()
        shutil.rmtree(copied / "checkpoint")  # which says of a run that was stopped what a summary would
    else:
        path.write_bytes(path.read_bytes()[:-50] if isinstance(content, str) else content)
    assert name in fail(evaluate, "--run-dir", copied)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", "x", "Expected `int`, got `str`"),
        ("seed", None, "Expected `int`, got `null`"),
        ("seed", -1, "Expected `int` >= 0"),
        ("metric", 5, "Expected `str`, got `int`"),
        ("data", ["digits"], "Expected `str`, got `array`"),
        ("image_size", "big", "Expected `int | array | null`, got `str`"),
        ("mean", ["a"], "Expected `float`, got `str`"),
        ("std", 0.5, "Expected `array | null`, got `float`"),
        ("test_images", 1.5, "Expected `int | null`, got `float`"),
    ],
)
def test_arguments_of_another_form_are_named(copied: Path, name: str, value: object, message: str) -> None:
    change(copied / "summary.json", lambda content: content["arguments"].update({name: value}))
    told = fail(evaluate, "--run-dir", copied)
    assert f"summary.json is damaged: {message} - at `$.arguments.{name}" in told


def test_a_missing_argument_is_named(copied: Path) -> None:
    change(copied / "summary.json", lambda content: content["arguments"].pop("metric"))
    message = "summary.json is damaged: Object missing required field `metric` - at `$.arguments`"
    assert message in fail(evaluate, "--run-dir", copied)
    change(copied / "summary.json", lambda content: content.update(arguments=[1]))
    message = "summary.json is damaged: Expected `object`, got `array` - at `$.arguments`"
    assert message in fail(evaluate, "--run-dir", copied)


def test_weights_of_another_run_are_one_line(copied: Path) -> None:
    write_state_dict(copied / "compact.safetensors", load_network("digits_resnet").model.state_dict())
    told = fail(evaluate, "--run-dir", copied)
    assert "compact.safetensors are not those that policy.json beside it was written with" in told
    change(copied / "policy.json", lambda content: content.pop("weights_digest"))  # as in an older run
    assert "do not fit the network; of another shape: stem.0.weight" in fail(evaluate, "--run-dir", copied)


def test_one_flipped_bit_in_the_weights_is_one_line_of_every_command(copied: Path) -> None:
    path = copied / "compact.safetensors"
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    for command, words in (
        (evaluate, ("--run-dir", copied)),
        (export, ("--run-dir", copied, "--format", "program")),
        (finetune, ("--run-dir", copied, "--epochs", "1")),
    ):
        told = fail(command, *words)
        assert f"error: the weights in {path} are not those that policy.json beside it was written with" in told
        assert "; copy both from where they are whole; weights that you trained on are read by amc.load(" in told
    assert not (copied / "compact.pt2").exists()
    assert not any(copied.parent.glob("*-tuned/policy.json"))


def test_a_policy_whose_network_does_not_run_is_one_line(copied: Path) -> None:
    change(copied / "policy.json", lambda content: content["attributes"]["stages.0.conv1"].update(groups=3))
    assert "the network fails on an input of shape (1, 1, 8, 8)" in fail(evaluate, "--run-dir", copied)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--run-dir nowhere", "expected the folder of a run at nowhere, there is none; check the path"),
        ("--split val", "unknown split 'val'; there are reward, test"),
        ("--metric top2", "unknown metric 'top2'"),
        ("--seed -1", "expected --seed of 0 or more"),
        ("--model resnet56", "no weights are packaged for resnet56"),
        ("--model resnet56 --weights none --data cifar", "expected digits, cifar10"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fail(evaluate, *words.split())
    assert list(tmp_path.iterdir()) == []
