"""What was learned on one network, applied to another."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

import amc
from amc.artifacts.policy import read_policy
from amc.networks.sources import load_network
from amc.networks.weight_files import write_state_dict
from scripts import apply, evaluate, train
from tests.command import fail, succeed, summary
from tests.small_network import NAME, SMALL, small_resnet

FAST = ("--recovery", "none", "--search-recovery", "none")  # half of the time, for the same policies
SIZES = ("--calibration-images", "100", "--reward-split", "100", "--test-images", "100")
FEW = (*SMALL, *SIZES, *FAST)
FILES = {"agent.zip", "checkpoint", "compact.safetensors", "policy.json", "report.html", "summary.json"}


def macs(network: nn.Module, example: torch.Tensor) -> int:
    """Counted by hooks on the layers of the real network."""
    total = 0

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        total += weight.numel() * (out[0, 0].numel() if out.ndim == 4 else 1)

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    network(example)
    for handle in handles:
        handle.remove()
    return total


@pytest.fixture(scope="module")
def other_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network with some noise: trained, and not the same."""
    path = tmp_path_factory.mktemp("weights") / "other.safetensors"
    generator = torch.Generator().manual_seed(1)
    state = small_resnet().state_dict()
    for name, tensor in state.items():
        if name.endswith("weight") and tensor.ndim == 4:
            state[name] = tensor + tensor.std() * torch.randn(tensor.shape, generator=generator)
    write_state_dict(path, state)
    return path


@pytest.mark.usefixtures("own_file")
@pytest.mark.parametrize("budget", ["macs=0.5", "params=0.4"])
def test_an_agent_decides_for_another_network_within_any_budget(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--model", "own.py:build", "--data", "own.py:data", "--round-to", "1", "--budget", budget)
    done = succeed(apply, "--agent", small_run / "agent.zip", *words, "--run-dir", "run")
    assert "│ found " in done.out
    found = summary(Path("run"))
    assert found["episodes"] == 1
    names = {path.name for path in Path("run").iterdir()}
    assert {name for name in names if "tfevents" not in name} == FILES
    kind, _, share = budget.partition("=")
    assert found[f"{kind}_after"] <= float(share) * found[f"{kind}_before"]
    assert found[f"{kind}_after"] > (float(share) - 0.1) * found[f"{kind}_before"]
    scored = succeed(evaluate, "--run-dir", "run", "--model", "own.py:build", "--data", "own.py:data")
    assert f"{100 * found['test_accuracy_policy']:.2f} %" in scored.out


def test_the_same_agent_gives_the_same_policy(small_run: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        words = (*FEW, "--agent", small_run / "agent.zip", "--budget", "macs=0.4", "--run-dir", tmp_path / name)
        succeed(apply, *words, "--quiet")
    assert (tmp_path / "one" / "policy.json").read_text() == (tmp_path / "other" / "policy.json").read_text()
    with zipfile.ZipFile(small_run / "agent.zip") as before, zipfile.ZipFile(tmp_path / "one" / "agent.zip") as after:
        assert before.read("amc.json") == after.read("amc.json")


def test_learning_goes_on_from_the_agents_weights_and_says_what_it_gained(small_run: Path, tmp_path: Path) -> None:
    agent = ("--agent", small_run / "agent.zip", "--budget", "macs=0.6", *FEW)
    succeed(apply, *agent, "--run-dir", tmp_path / "zero", "--quiet")
    done = succeed(apply, *agent, "--episodes", "8", "--run-dir", tmp_path / "more")
    zero, more = summary(tmp_path / "zero"), summary(tmp_path / "more")
    assert more["episodes"] == 9
    assert more["zero_shot_accuracy"] == zero["policy_accuracy"]
    assert more["test_accuracy_zero_shot"] == zero["test_accuracy_policy"]
    assert more["policy_accuracy"] >= more["zero_shot_accuracy"]
    assert more["gained_over_zero_shot"] == more["policy_accuracy"] - more["zero_shot_accuracy"]
    assert "agent before learning" in done.out
    assert "zero_shot_accuracy" not in zero


def test_a_policy_keeps_its_counts_and_chooses_channels_for_these_weights(
    small_run: Path, tmp_path: Path, other_weights: Path
) -> None:
    folder = tmp_path / "run"
    words = ("--model", NAME, "--data", "digits", *SIZES, *FAST, "--weights", other_weights, "--criterion", "l1")
    succeed(apply, "--policy", small_run / "policy.json", *words, "--run-dir", folder, "--quiet")
    before, after = read_policy(small_run / "policy.json"), read_policy(folder / "policy.json")
    assert [len(group.kept) for group in after.groups] == [len(group.kept) for group in before.groups]
    assert after.budget == before.budget
    assert after.costs == before.costs
    assert [group.kept for group in after.groups] != [group.kept for group in before.groups]
    weights = load_network(NAME, str(other_weights)).model.state_dict()
    inner = [group for group in after.groups if group.name.endswith("conv1")]
    assert inner
    for group in inner:  # read by the second convolution of its block alone
        importance = weights[f"{group.name.removesuffix('conv1')}conv2.weight"].abs().sum(dim=(0, 2, 3))
        assert set(group.kept) == set(importance.topk(len(group.kept)).indices.tolist())
    compact = amc.load(folder)
    assert macs(compact, torch.zeros(1, 1, 8, 8)) == summary(folder)["macs_after"]
    assert {path.name for path in folder.iterdir() if "tfevents" not in path.name} == FILES - {"agent.zip"}


def test_a_policy_on_its_own_weights_is_the_same_network(small_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    succeed(apply, *SMALL, "--policy", small_run / "policy.json", "--run-dir", folder, "--quiet")
    ours, theirs = (read_policy(each / "policy.json") for each in (folder, small_run))
    assert [group.kept for group in ours.groups] == [group.kept for group in theirs.groups]
    assert summary(folder)["test_accuracy_policy"] == summary(small_run)["test_accuracy_policy"]


def test_a_policy_cut_further_than_the_default_allows(small_run: Path, tmp_path: Path) -> None:
    content = json.loads((small_run / "policy.json").read_text())
    group = content["groups"][-1]
    group["kept"], group["sparsity"] = group["kept"][:2], 1 - 2 / group["units"]
    (tmp_path / "policy.json").write_text(json.dumps(content))
    succeed(apply, *FEW, "--policy", tmp_path / "policy.json", "--run-dir", tmp_path / "run", "--quiet")
    assert len(read_policy(tmp_path / "run" / "policy.json").groups[-1].kept) == 2


@pytest.mark.parametrize("words", [("--freeze", "stem"), ("--only", "*conv1")], ids=" ".join)
def test_a_policy_is_applied_where_the_same_is_frozen(small_run: Path, tmp_path: Path, words: tuple[str, str]) -> None:
    searched, again = tmp_path / "searched", tmp_path / "again"
    succeed(apply, *FEW, "--agent", small_run / "agent.zip", *words, "--budget", "macs=0.6", "--run-dir", searched)
    succeed(apply, *FEW, "--policy", searched / "policy.json", *words, "--run-dir", again, "--quiet")
    assert read_policy(again / "policy.json").groups == read_policy(searched / "policy.json").groups
    for policy, given in ((searched, ()), (small_run, words)):
        message = fail(apply, *FEW, "--policy", policy / "policy.json", *given, "--quiet", "--run-dir", tmp_path / "no")
        assert re.search(r"and this network differ in what may be pruned \(.*stem.0.*\)", message)
        assert "give --freeze, --only and --round-to as in the search for it" in message


def changed_agent(source: Path, target: Path, **changes: object) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "amc.json":
                content = json.dumps(json.loads(content) | changes).encode()
            new.writestr(name, content)
    return target


def test_mistakes_are_told_in_one_line(small_run: Path, tmp_path: Path) -> None:
    agent, policy = small_run / "agent.zip", small_run / "policy.json"
    assert "expected RUN, --agent agent.zip or --policy policy.json, one of them" in fail(apply)
    assert "one of them" in fail(apply, "--agent", agent, "--policy", policy)
    assert "a policy has nothing to learn; leave --episodes out" in fail(apply, "--policy", policy, "--episodes", "3")
    assert "expected --episodes of 0 or more, got -1" in fail(apply, "--agent", agent, "--episodes", "-1")
    assert "expected an agent file at nowhere.zip, there is none" in fail(apply, "--agent", "nowhere.zip")
    assert "no nowhere.json in ." in fail(apply, "--policy", "nowhere.json")
    other = changed_agent(agent, tmp_path / "other.zip", version=7)
    message = fail(apply, "--agent", other)
    assert "needs version 7 of observation set scale_free, this release has version 2" in message
    folder = tmp_path / "run"
    message = fail(apply, "--policy", policy, "--budget", "macs=0.1", *FEW, "--quiet", "--run-dir", folder)
    assert f"the policy in {policy} costs more than macs=0.1; leave --budget out to take its own" in message
    assert not folder.exists()


@pytest.mark.usefixtures("own_file")
def test_a_policy_of_another_architecture_is_refused(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--model", "own.py:build", "--data", "own.py:data", "--round-to", "1", "--quiet", "--run-dir", "run")
    message = fail(apply, "--policy", small_run / "policy.json", *words)
    assert f"is of another architecture ({NAME}) than this network; --agent can be applied to any" in message
    assert not (tmp_path / "run").exists()


OBSERVATION = """
import numpy as np

class Position:
    version = 1
    names = ("position", "previous")

    def __init__(self, graph, budgets, group_features):
        self.groups = len(graph.groups)

    def __call__(self, decisions):
        return np.column_stack([decisions.index / self.groups, decisions.previous])

class Later(Position):
    version = 2
"""


def test_an_agent_of_a_users_observation_needs_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seen.py").write_text(OBSERVATION)
    words = (*FEW, "--observation", "seen.py:Position", "--episodes", "5", "--run-dir", "trained", "--quiet")
    succeed(train, *words)
    again = (*FEW, "--agent", "trained/agent.zip", "--budget", "macs=0.4", "--quiet")
    message = fail(apply, *again, "--run-dir", "run")
    assert f"used --observation {tmp_path}/seen.py:Position, which is not imported because" in message
    message = fail(apply, *again, "--observation", "seen.py:Later", "--run-dir", "run")
    assert "needs version 1 of observation set seen.py:Position, this release has version 2" in message
    message = fail(apply, *again, "--observation", "paper", "--run-dir", "run")
    assert "needs other features (missing here: position, previous" in message
    succeed(apply, *again, "--observation", "seen.py:Position", "--run-dir", "run")
    assert summary(Path("run"))["arguments"]["observation"] == f"{tmp_path}/seen.py:Position"


def test_an_agent_that_knows_nothing_of_a_network_is_no_worse_than_uniform(small_run: Path, tmp_path: Path) -> None:
    """As one whose actor always cuts the first groups as much as it may."""
    agent, lazy = small_run / "agent.zip", tmp_path / "lazy.zip"
    with zipfile.ZipFile(agent) as source, zipfile.ZipFile(lazy, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "policy.pth":
                weights = torch.load(io.BytesIO(content), weights_only=True)
                for key in weights:
                    if key.startswith("actor"):
                        weights[key] = torch.full_like(weights[key], 1.0)
                stream = io.BytesIO()
                torch.save(weights, stream)
                content = stream.getvalue()
            target.writestr(name, content)
    words = (*SMALL, "--budget", "params=0.2", "--calibration-images", "100", "--test-images", "60", "--quiet")
    succeed(apply, "--agent", lazy, *words, "--run-dir", tmp_path / "run")
    found = summary(tmp_path / "run")
    assert found["policy_score"] >= found["uniform_score"]
