import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

import amc
from amc.artifacts.policy import read_policy, save_compact
from amc.artifacts.snapshots import Snapshot
from amc.training.training_progress import latest_training, save_training
from scripts import evaluate, export, finetune, report, train
from tests.command import call, fail, succeed, summary
from tests.html_page import HtmlPage, expect_self_contained
from tests.scripts.interrupting import Interrupting
from tests.small_network import SMALL, program

pytestmark = pytest.mark.backward

AS_CUT = ("--recovery", "none", "--search-recovery", "none")
FEW = ("--epochs", "3", "--batch-size", "64", "--lr", "0.05")
PATIENCE = 240
"""Seconds that a busy machine may take."""


@pytest.fixture(scope="module")
def whole(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted fine-tuning of the compact network in `small_run`."""
    folder = tmp_path_factory.mktemp("runs") / "tuned"
    succeed(finetune, "--run-dir", small_run, *FEW, "--out", folder, "--quiet")
    return folder


def weights(folder: Path) -> bytes:
    return (folder / "compact.safetensors").read_bytes()


def test_it_gains_back_what_pruning_cost_and_leaves_the_run_alone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    succeed(train, *SMALL, "--budget", "macs=0.5", "--strategy", "uniform", *AS_CUT, "--run-dir", run, "--quiet")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    done = succeed(finetune, "--run-dir", run, "--epochs", "8", "--batch-size", "32", "--lr", "0.05")
    pruned, found = summary(run), summary(tmp_path / "run-tuned")
    assert done.out.startswith(
        f"original: top1 {100 * found['original_accuracy']:.2f} % on 447 reward images (validation)\n"
    )
    assert found["original_accuracy"] == pruned["original_accuracy"]
    assert found["pruned_accuracy"] == pruned["policy_accuracy"]
    assert found["test_accuracy_pruned"] == pruned["test_accuracy_policy"]
    assert found["test_accuracy_original"] == pruned["test_accuracy_original"]
    assert found["tuned_accuracy"] == max(epoch["score"] for epoch in found["epochs"])
    assert found["pruned_accuracy"] < 0.7 < 0.9 < found["tuned_accuracy"]
    assert found["test_accuracy_tuned"] > 0.9
    for name in ("pruned", "tuned"):
        lost = found["test_accuracy_original"] - found[f"test_accuracy_{name}"]
        drop = found[f"test_drop_{name}"]
        assert drop["value"] == pytest.approx(lost)
        assert drop["low"] < lost < drop["high"]
        assert f"{100 * lost:.2f} points" in done.out
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_the_other_commands_read_the_result(whole: Path) -> None:
    found = summary(whole)
    assert f"{100 * found['test_accuracy_tuned']:.2f} %" in succeed(evaluate, "--run-dir", whole).out
    assert f"{100 * found['tuned_accuracy']:.2f} %" in succeed(evaluate, "--run-dir", whole, "--split", "reward").out
    succeed(export, "--run-dir", whole, "--format", "program")
    (whole / "compact.pt2").unlink()
    policy = json.loads((whole / "policy.json").read_text())
    assert policy["accuracy"] == found["tuned_accuracy"]
    assert not amc.load(whole).training


def test_a_tuned_network_can_be_tuned_on(whole: Path, tmp_path: Path) -> None:
    succeed(finetune, "--run-dir", whole, "--epochs", "1", "--lr", "1e-6", "--out", tmp_path / "on", "--quiet")
    assert summary(tmp_path / "on")["pruned_accuracy"] == summary(whole)["tuned_accuracy"]


def test_what_never_got_better_is_the_pruned_network(small_run: Path, tmp_path: Path) -> None:
    done = succeed(finetune, "--run-dir", small_run, "--epochs", "1", "--lr", "0.9", "--distillation", "0",
                   "--weight-decay", "0.9", "--out", tmp_path / "worse")  # fmt: skip
    assert (done.out + done.err).count("No epoch beats the pruned network") == 1
    found = summary(tmp_path / "worse")
    assert found["epochs"][0]["score"] < found["tuned_accuracy"] == found["pruned_accuracy"]
    assert weights(tmp_path / "worse") == weights(small_run)
    assert "No epoch beats the pruned network" in (tmp_path / "worse" / "report.html").read_text(encoding="utf-8")


def test_a_training_that_diverged_is_not_to_be_gone_on_with(small_run: Path, tmp_path: Path) -> None:
    message = fail(finetune, small_run, "--epochs", "1", "--lr", "1e30", "--out", tmp_path / "out", "--quiet")
    assert message.rstrip().endswith("of epoch 1; lower --lr")


def test_the_folder_has_its_report(whole: Path) -> None:
    content = (whole / "report.html").read_text(encoding="utf-8")
    expect_self_contained(content)
    page, found = HtmlPage(content), summary(whole)
    assert f"accuracy {100 * found['test_accuracy_tuned']:.1f} % on test images" in page.headings[0]
    assert page.rows["tuned"][:2] == [
        f"{100 * found[name]:.2f} %" for name in ("tuned_accuracy", "test_accuracy_tuned")
    ]
    assert page.rows["lr"] == ["0.05"]
    assert len(page.labels) == 2
    succeed(report, "--run-dir", whole)
    assert (whole / "report.html").read_text(encoding="utf-8") == content


def test_the_folder_of_an_earlier_version_has_a_report_once_it_has_ended(whole: Path, tmp_path: Path) -> None:
    """Its checkpoints do not say what was asked for, its summary does."""
    folder = tmp_path / "old"
    shutil.copytree(whole, folder)
    checkpoint, _ = latest_training(folder)
    shutil.rmtree(folder / "checkpoint")
    run = {name: value for name, value in checkpoint.run.items() if name != "tuning"}
    save_training(folder, 45, Snapshot(run, checkpoint.past))
    succeed(report, "--run-dir", folder)
    pages = [HtmlPage((each / "report.html").read_text(encoding="utf-8")) for each in (folder, whole)]
    assert pages[0].headings == pages[1].headings
    assert all(pages[0].rows[name] == pages[1].rows[name] for name in ("tuned", "MACs", "lr", "made from"))
    (folder / "summary.json").unlink()
    assert "has no report before it has ended" in fail(report, "--run-dir", folder)


def test_tensorboard_shows_loss_rate_and_score(whole: Path) -> None:
    events = EventAccumulator(str(whole)).Reload()
    found = summary(whole)
    scores = [point.value for point in events.Scalars("tuning/score on the reward images")]
    assert scores == pytest.approx([epoch["score"] for epoch in found["epochs"]])
    rates = [point.value for point in events.Scalars("tuning/learning rate")]
    assert len(rates) == len(events.Scalars("tuning/loss")) == 3 * 15  # 905 images
    assert max(rates) == pytest.approx(0.05, rel=0.05)
    assert rates[-1] < 0.001


@pytest.mark.parametrize("at", [2, 40])
def test_an_error_loses_a_minute_at_most_and_the_result_is_the_same(
    small_run: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    folder = tmp_path / "cut"
    monkeypatch.setattr("agents.tuning.training_run.CHECKPOINT_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        Interrupting(patch, at, KeyboardInterrupt())
        done = call(finetune, "--run-dir", small_run, *FEW, "--out", folder)
    assert done.status == 130
    assert done.out.splitlines()[-1] == f"go on with: python -m amc finetune --resume {folder}"
    assert not (folder / "policy.json").exists()
    succeed(report, "--run-dir", folder)
    content = (folder / "report.html").read_text(encoding="utf-8")
    assert f"at its last checkpoint, {(at - 1) // 15} of 3 epochs were over" in content
    assert f"amc finetune --resume {folder}" in content
    torch.manual_seed(1)  # whatever another process draws
    succeed(finetune, "--resume", folder, "--quiet")
    assert weights(folder) == weights(whole)
    assert summary(folder)["epochs"] == summary(whole)["epochs"]


def test_the_rate_that_a_short_test_found_is_told_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test takes 8 steps at each of 5 rates."""
    run = tmp_path / "run"
    succeed(train, *SMALL, "--strategy", "uniform", *AS_CUT, "--run-dir", run, "--quiet")
    folder, few = tmp_path / "cut", ("--epochs", "2", "--batch-size", "64", "--crop-padding", "0")
    with monkeypatch.context() as patch:
        Interrupting(patch, 5 * 8 + 10, KeyboardInterrupt())
        monkeypatch.setattr("agents.tuning.training_run.CHECKPOINT_SECONDS", 0.0)
        begun = call(finetune, run, *few, "--out", folder)
    (told,) = re.findall(r"learning rate (\S+) by a short test \(loss on 447 reward images after 8 steps", begun.err)
    assert len(re.findall(r"0\.0\d+: \d", begun.err)) == 5
    assert "short test" not in succeed(finetune, "--resume", folder).err
    assert summary(folder)["arguments"]["lr"] == float(told)
    assert HtmlPage((folder / "report.html").read_text(encoding="utf-8")).rows["lr"] == [told]


def test_a_kill_at_a_random_moment(small_run: Path, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    command = [
        *program("finetune"),
        "--run-dir",
        str(small_run),
        *FEW,
        "--out",
        str(folder),
        "--quiet",
    ]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + PATIENCE
    try:
        while not any(folder.glob("checkpoint/step-*")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(torch.rand(()).item())
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    if not (folder / "summary.json").exists():
        succeed(finetune, "--resume", folder, "--quiet")
    assert weights(folder) == weights(whole)


def test_others_than_it_was_begun_with_are_refused(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = tmp_path / "run", tmp_path / "cut"
    shutil.copytree(finished, run)
    with monkeypatch.context() as patch:
        Interrupting(patch, 20, KeyboardInterrupt())
        call(finetune, "--run-dir", run, *FEW, "--out", folder)
    assert "the weights (--weights) are not those that" in fail(finetune, "--resume", folder, "--weights", "none")
    assert "leave --lr out" in fail(finetune, "--resume", folder, "--lr", "1")
    assert f"no checkpoint in {folder}" in fail(train, "--resume", folder)  # none of a search
    other = amc.load(run)
    with torch.no_grad():
        other.get_parameter("classifier.weight").add_(1)
    save_compact(run, read_policy(run / "policy.json"), other)
    assert "weights of the compact network (--run-dir) are not those" in fail(finetune, "--resume", folder)


def test_a_users_functions(own_file: Path, tmp_path: Path) -> None:
    words = ("--model", f"{own_file}:build", "--data", f"{own_file}:data", "--metric", f"{own_file}:agreement")
    run = tmp_path / "run"
    succeed(train, *words, "--budget", "macs=0.5", "--strategy", "uniform", "--run-dir", run, "--quiet")
    few = ("--run-dir", run, "--epochs", "1")
    message = fail(finetune, *few)
    assert f"which is not imported because a file names it; run: python -m amc finetune --run-dir {run}" in message
    succeed(finetune, *few, *words)
    assert summary(tmp_path / "run-tuned")["test_drop_tuned"] is None
    with pytest.raises(SystemExit):
        raise SystemExit(fail(finetune, "--resume", tmp_path / "run-tuned"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "expected RUN, the folder of a finished run, or --resume of a fine-tuning, one of them"),
        ("--run-dir a --resume b", "one of them"),
        ("--run-dir nowhere", "expected the folder of a run at nowhere, there is none; check the path"),
        ("--run-dir a --distillation 1.1", "expected --distillation from 0 to 1, got 1.1"),
        ("--run-dir a --temperature 0", "expected --temperature above 0, got 0"),
        ("--run-dir a --epochs 0", "expected --epochs above 0, got 0"),
        ("--run-dir a --schedule step", "unknown schedule 'step'; there are cosine, one_cycle"),
        ("--run-dir a --precision float16", "unknown precision 'float16'"),
        ("--resume nowhere", "expected the folder of a run at nowhere, there is none; check the path"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fail(finetune, *words.split())
    assert list(tmp_path.iterdir()) == []


def test_an_original_without_its_weights_is_refused(finished: Path, tmp_path: Path) -> None:
    message = fail(finetune, finished, "--weights", "none", "--out", tmp_path / "out")
    assert "load its weights into it (--weights)" in message
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty_is_refused(finished: Path, whole: Path) -> None:
    message = fail(finetune, "--run-dir", finished, "--out", whole)
    assert f"{whole} is not empty; give a new folder as --out" in message
