import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import agents
from agents import SearchResult
from agents.tuning.finetuning import finetune
from agents.tuning.tuning_result import TuningResult
from amc.artifacts.policy import load
from amc.data.load import load_data
from amc.networks.sources import load_network
from amc.pruning.slicing import stored_tensors
from amc.task import Task
from amc.task_options import TaskOptions
from amc.utils.errors import UserError
from tests.command import pictures
from tests.scripts.interrupting import Interrupting

pytestmark = pytest.mark.backward

SIZES = {"calibration": 100, "reward": 200, "test": 100}
FEW: dict[str, Any] = {"epochs": 2, "batch_size": 64, "lr": 0.05}


@pytest.fixture(scope="module")
def result() -> SearchResult:
    """A search for the packaged network, which loses much."""
    splits = load_data("digits", sizes=SIZES)
    options = TaskOptions(recovery="none", search_recovery="none", name="digits_resnet")
    task = Task(load_network("digits_resnet").model, splits, ["macs=0.3"], options)
    return agents.search(task, episodes=1, strategy="uniform")


@pytest.fixture(scope="module")
def run(result: SearchResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that search."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pictures(drawn=False):
        result.save(folder)
    return folder


@pytest.fixture(scope="module")
def tuned(result: SearchResult) -> TuningResult:
    return finetune(result, **FEW)


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks store the same tensors."""
    tensors = stored_tensors(other)
    return all(torch.equal(tensor, tensors[name]) for name, tensor in stored_tensors(one).items())


def test_a_result_is_tuned_and_stays_as_it_is(result: SearchResult, tuned: TuningResult) -> None:
    scores = tuned.comparison
    assert scores.reward["pruned"] == result.found.reward < 0.8
    assert scores.test["original"] == result.original.test
    assert scores.reward["tuned"] == max(epoch.score for epoch in tuned.epochs) > scores.reward["pruned"]
    assert tuned.policy.accuracy == scores.reward["tuned"]
    assert not tuned.network.training
    task = result.task
    assert task.accuracy(tuned.network, task.splits.reward) == scores.reward["tuned"]
    assert task.accuracy(result.network, task.splits.reward) == scores.reward["pruned"]


def test_the_folder_of_the_run_gives_the_same(tuned: TuningResult, run: Path) -> None:
    assert same(finetune(run, **FEW).network, tuned.network)


def test_saved_or_written_as_it_goes_it_is_the_same(tuned: TuningResult, result: SearchResult, tmp_path: Path) -> None:
    with pictures(drawn=False):
        tuned.save(tmp_path / "saved")
        finetune(result, **FEW, folder=tmp_path / "written")
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("saved", "written")]
    events = [{name for name in each if name.startswith("events")} for each in names]
    assert all(len(each) == 1 for each in events)
    files = {"policy.json", "compact.safetensors", "summary.json", "report.html", "checkpoint"}
    assert names[0] - events[0] == names[1] - events[1] == files
    for name in ("policy.json", "compact.safetensors"):
        assert (tmp_path / "saved" / name).read_bytes() == (tmp_path / "written" / name).read_bytes()
    summary = json.loads((tmp_path / "saved" / "summary.json").read_text())
    assert summary["test_accuracy_tuned"] == tuned.comparison.test["tuned"]
    assert summary["arguments"]["data"] == "digits"
    with pytest.raises(UserError, match="is not empty"):
        tuned.save(tmp_path / "saved")
    assert same(tuned.network, load(tmp_path / "saved"))


def test_it_shows_itself(tuned: TuningResult) -> None:
    assert len(repr(tuned)) < 250
    assert "original" in repr(tuned)
    shown = tuned._repr_html_()
    for name, value in tuned.comparison.test.items():
        assert f">{name}</td>" in shown
        assert f"{100 * value:.2f} %" in shown
    titles = [axes.get_title(loc="left") for axes in tuned.plot().axes]
    assert titles == ["Score on reward images (validation)", "Loss on training images"]


def test_a_result_can_be_tuned_on(tuned: TuningResult) -> None:
    on = finetune(tuned, epochs=1, lr=1e-6)
    assert on.comparison.reward["pruned"] == tuned.comparison.reward["tuned"]
    assert on.comparison.test["original"] == tuned.comparison.test["original"]


def test_where_nothing_is_better_the_pruned_network_is_kept(
    result: SearchResult, capfd: pytest.CaptureFixture[str]
) -> None:
    worse = finetune(result, epochs=1, lr=0.9, distillation=0.0, weight_decay=0.9)
    assert "No epoch beats the pruned network" in worse.advice
    assert "lr=0.09" in worse.advice
    assert worse.advice in worse._repr_html_()
    assert worse.advice in capfd.readouterr().err
    assert same(worse.network, result.network)
    assert "1 epoch in" in repr(worse)
    for axes in worse.plot().axes:
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]
    assert repr(worse).endswith(" (no epoch was better: the pruned network)>")


@pytest.mark.parametrize(("at", "epochs"), [(20, 1), (10, 0)])
def test_an_interrupt_keeps_the_best_epoch_so_far(
    result: SearchResult, tuned: TuningResult, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at: int, epochs: int
) -> None:
    """An epoch has 15 steps; before the first one is over the pruned network is the best."""
    Interrupting(monkeypatch, at, KeyboardInterrupt())
    found = finetune(result, **FEW)
    assert found.interrupted
    assert found.epochs == tuned.epochs[:epochs]
    assert not found.network.training
    assert same(found.network, result.network) == (epochs == 0)
    with pictures(drawn=False):
        found.save(tmp_path / "saved")
    assert ("interrupted before its first epoch" in (tmp_path / "saved" / "report.html").read_text()) == (epochs == 0)
    if not epochs:
        with pytest.raises(UserError, match="no epoch is over"):
            found.plot()


def test_data_beside_a_result_are_as_for_a_folder(result: SearchResult) -> None:
    few = {**FEW, "epochs": 1}
    assert same(finetune(result, "digits", **few).network, finetune(result, **few).network)


def test_an_original_without_its_weights_is_refused(run: Path) -> None:
    torch.manual_seed(0)
    fresh = load_network("digits_resnet", weights="none")
    message = r"^the original scored \d\d\.\d % in this run, the given one \d+\.\d %: load its weights into it \(model="
    with pytest.raises(UserError, match=message):
        finetune(run, model=fresh, **FEW)


def test_what_is_no_result_is_one_line(result: SearchResult) -> None:
    with pytest.raises(UserError, match=r"expected the result of amc\.search or amc\.finetune, .*, got DigitsResNet"):
        finetune(result.network, **FEW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.1}, "unknown option 'learning_rate'"),
        ({"lr": "0.1"}, "expected lr as a number, got '0.1'"),
        ({"lr": 0.0}, "expected lr above 0, got 0.0"),
        ({"distillation": 1.5}, "expected distillation from 0 to 1, got 1.5"),
        ({"schedule": "step"}, "unknown schedule 'step'"),
        ({"lr": 1e30}, r"the loss is (nan|inf) at step \d of epoch 1; lower lr"),
        ({"data": "digit"}, "expected digits, cifar10, .* got 'digit'; did you mean digits"),
    ],
)
def test_mistakes_name_the_arguments(result: SearchResult, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        finetune(result, **options)


def test_what_no_name_finds_has_to_be_given_again(run: Path, tmp_path: Path) -> None:
    for path in run.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    summary = json.loads((tmp_path / "summary.json").read_text())
    (tmp_path / "summary.json").write_text(json.dumps(summary | {"arguments": summary["arguments"] | {"data": ""}}))
    with pytest.raises(UserError, match="the data of this run came from Python, and no name finds it; give data"):
        finetune(tmp_path, **FEW)
    with pytest.raises(UserError, match=r"expected the folder of a run at .*nowhere, there is none"):
        finetune(tmp_path / "nowhere")
