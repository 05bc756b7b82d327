"""The command that gives the compact network of a run new weights, and the search that ends with them."""

from pathlib import Path

import pytest
import torch
from torch import nn

import agents
import amc
from amc.compression.compressor import Compressor
from amc.pruning.slicing import UnitMask, stored_tensors
from amc.recovery.blockwise import BlockwiseResult, TrainingLength
from amc.recovery.held_out_training import Tell
from scripts import evaluate, export, recover, train
from tests.command import fail, succeed, summary
from tests.html_page import HtmlPage
from tests.small_network import NAME, SMALL

pytestmark = pytest.mark.backward


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amc.recovery.blockwise.LENGTH", TrainingLength(block_steps=5, whole_steps=20))


@pytest.fixture(scope="module")
def sliced_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose network was cut and not recovered, so that there is much to gain."""
    folder = tmp_path_factory.mktemp("runs") / "sliced"
    words = ("--strategy", "uniform", "--budget", "macs=0.5", "--recovery", "none", "--run-dir", folder)
    succeed(train, *SMALL, *words, "--quiet")
    return folder


def test_the_recovered_network_is_read_as_a_run_and_the_run_is_left_alone(sliced_run: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in sliced_run.rglob("*") if path.is_file()}
    out = tmp_path / "recovered"
    done = succeed(recover, sliced_run, "--out", out)
    assert {path: path.read_bytes() for path in sliced_run.rglob("*") if path.is_file()} == before
    found = summary(out)
    assert found["recovery"] == found["arguments"]["recovery"] == "blockwise"
    assert found["training"]["after"] < found["training"]["before"]
    assert amc.read_policy(out / "policy.json").accuracy == found["reward_accuracy"]
    assert f"{found['training']['blocks']} blocks" in done.out
    assert "finetune" in done.out
    shown = succeed(evaluate, out, "--split", "reward")
    assert f"{100 * found['reward_accuracy']:.2f} %" in shown.out
    succeed(export, out, "--format", "program")
    weights = [amc.load(folder).state_dict() for folder in (sliced_run, out)]
    assert any(not torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items() if "running" in name)


def test_python_gives_what_the_command_does(small_run: Path, tmp_path: Path) -> None:
    succeed(recover, small_run, "--out", tmp_path / "command", "--quiet")
    result = amc.recover(small_run, folder=tmp_path / "python", device="cpu")
    assert result.training is not None
    loaded = [amc.load(tmp_path / name).state_dict() for name in ("command", "python")]
    assert all(torch.equal(tensor, loaded[1][name]) for name, tensor in loaded[0].items())


def test_the_result_of_a_search_is_recovered_and_stays_as_it_is() -> None:
    network = amc.load_network(NAME, "none")
    data = amc.load_data("digits", sizes={"calibration": 40, "reward": 60, "test": 20})
    task = amc.Task(network.model, data, ["macs=0.3"], amc.TaskOptions(recovery="none", search_recovery="none"))
    result = agents.search(task, episodes=1, strategy="uniform")
    before = {name: tensor.clone() for name, tensor in stored_tensors(result.network).items()}
    found = amc.recover(result)
    assert found.before == result.found.reward
    assert found.training is not None
    assert found.training.after < found.training.before
    assert all(torch.equal(tensor, before[name]) for name, tensor in stored_tensors(result.network).items())
    with pytest.raises(amc.UserError, match=r"expected the result of amc.search .* got Network"):
        amc.recover(network)  # type: ignore[arg-type]


def spoilt(
    _: Compressor, network: nn.Module, mask: UnitMask, tell: Tell = lambda *_: None, **_options: bool
) -> BlockwiseResult:
    """Training that is better on held-out calibration images, and answers all else wrong."""
    del mask, tell
    with torch.no_grad():
        list(network.parameters())[-1][0] = 1e6
    return BlockwiseResult(0.2, 0.1, 1)


def test_a_network_stays_as_it_was_where_training_harms_on_other_images(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Compressor, "train", spoilt)
    done = succeed(recover, small_run, "--out", tmp_path / "recovered")
    found = summary(tmp_path / "recovered")
    assert found["reward_accuracy_harmed"] < found["reward_accuracy"] == found["reward_accuracy_before"]
    assert "so the network stays as it was" in done.out
    weights = [amc.load(folder).state_dict() for folder in (small_run, tmp_path / "recovered")]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())

    network = amc.load_network(NAME, "none")
    data = amc.load_data("digits", sizes={"calibration": 40, "reward": 60, "test": 20})
    options = amc.TaskOptions(recovery="blockwise", search_recovery="none")
    result = agents.search(amc.Task(network.model, data, ["macs=0.3"], options), episodes=1, strategy="uniform").final
    assert result.untrained is not None
    assert result.policy.network is result.untrained.network


def test_a_closed_form_makes_the_network_again(small_run: Path) -> None:
    worse = amc.recover(small_run, recovery="none", device="cpu")
    assert worse.training is None
    assert worse.after < worse.before


def test_mistakes_are_told_in_a_line(small_run: Path, tmp_path: Path) -> None:
    assert "recovery" in fail(recover, small_run, "--recovery", "magic")
    assert "no-such-run" in fail(recover, tmp_path / "no-such-run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert "is not empty" in fail(recover, small_run, "--out", tmp_path / "full")
    assert "--search-recovery blockwise would train each" in fail(train, "--search-recovery", "blockwise")


def test_a_search_trains_what_it_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long_enough = TrainingLength(block_steps=40, whole_steps=400)  # to gain on reward images, too
    monkeypatch.setattr("amc.recovery.blockwise.LENGTH", long_enough)
    words = (*SMALL, "--strategy", "uniform", "--budget", "macs=0.3", "--calibration-images", "100")
    for recovery in ("asymmetric", "blockwise"):
        succeed(train, *words, "--recovery", recovery, "--run-dir", tmp_path / recovery, "--quiet")
    solved, trained = (summary(tmp_path / name) for name in ("asymmetric", "blockwise"))
    assert trained["finalists"] == solved["finalists"]
    assert trained["uniform_accuracy"] == solved["uniform_accuracy"]
    assert trained["untrained_accuracy"] == solved["policy_accuracy"]
    assert trained["test_accuracy_untrained"] == solved["test_accuracy_policy"]
    assert trained["test_difference_to_uniform"] == solved["test_difference_to_uniform"]  # training is not counted
    assert trained["test_difference_to_uniform"]["value"] == 0
    row = HtmlPage((tmp_path / "blockwise" / "report.html").read_text(encoding="utf-8")).rows["found, before training"]
    assert row[1] == f"{100 * trained['test_accuracy_untrained']:.2f} %"
    weights = [amc.load(tmp_path / name).state_dict() for name in ("asymmetric", "blockwise")]
    assert any(not torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
