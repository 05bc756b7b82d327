"""The agent of a run decides again, with the network, the data and the options of that run."""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from amc.artifacts.policy import read_policy
from envs import PruningProblem
from scripts import apply, evaluate, finetune, train
from tests.command import call, fail, succeed, summary
from tests.small_network import NAME, SMALL

FAST = ("--recovery", "none", "--search-recovery", "none")
FEW = (*SMALL, "--calibration-images", "100", "--reward-split", "60", "--test-images", "60", *FAST)
OWN = ("--model", "own.py:build", "--data", "own.py:data")
TAKEN = {
    "calibration_images": 100,
    "reward_split": 60,
    "test_images": 60,
    "reward_images": 50,
    "recovery": "none",
    "search_recovery": "none",
    "criterion": "l2",
    "max_sparsity": 0.7,
    "freeze": [["stem*"]],
    "settings": "paper",
    "seed": 3,
}
"""The options of the run of an agent, as `summary.json` has them."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search by an agent, with options that are not the defaults."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ("--reward-images", "50", "--criterion", "l2", "--max-sparsity", "0.7", "--freeze", "stem*")
    more = ("--settings", "paper", "--seed", "3", "--budget", "macs=0.5", "--episodes", "4", "--workers", "1")
    succeed(train, *FEW, *words, *more, "--run-dir", folder, "--quiet")
    return folder


@pytest.fixture(scope="module")
def uniform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search by a rule, which has no agent."""
    folder = tmp_path_factory.mktemp("runs") / "uniform"
    succeed(train, *FEW, "--strategy", "uniform", "--seed", "3", "--run-dir", folder, "--quiet")
    return folder


def arguments(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = summary(folder)["arguments"]
    return found


def command(message: str, name: str) -> list[str]:
    """The words of the command that a message ends with, after those that start it."""
    words = shlex.split(message.strip().rpartition(": ")[2])
    assert words[:4] == ["python", "-m", "amc", name]
    return words[4:]


def test_all_but_what_is_given_is_that_of_the_run(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "smaller"
    succeed(apply, run, "--budget", "macs=0.4", "--run-dir", folder)
    taken = arguments(folder)
    assert {name: taken[name] for name in TAKEN} == TAKEN
    assert taken["model"] == NAME
    assert taken["budget"] == ["macs=0.4"]
    assert taken["quiet"] is False
    assert summary(folder)["episodes"] == 1
    assert summary(folder)["macs_after"] <= 0.4 * summary(folder)["macs_before"]
    by_agent = tmp_path / "by-agent"
    words = ("--reward-images", "50", "--criterion", "l2", "--max-sparsity", "0.7", "--freeze", "stem*")
    agent = ("--agent", run / "agent.zip", "--settings", "paper", "--seed", "3", "--budget", "macs=0.4")
    succeed(apply, *FEW, *words, *agent, "--run-dir", by_agent, "--quiet")
    assert (folder / "policy.json").read_text() == (by_agent / "policy.json").read_text()


def test_defaults_that_are_given_count_and_the_budget_is_taken_over(run: Path, tmp_path: Path) -> None:
    words = ("--criterion", "l1", "--freeze", "--seed", "0", "--quiet")
    succeed(apply, run, *words, "--run-dir", tmp_path / "run")
    taken = arguments(tmp_path / "run")
    assert (taken["criterion"], taken["seed"], taken["reward_images"]) == ("l1", 0, 50)
    assert taken["budget"] == ["macs=0.5"]
    assert "stem.0" in {group.name for group in read_policy(tmp_path / "run" / "policy.json").groups}


def test_the_run_is_needed_no_longer(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, folder = shutil.copytree(run, tmp_path / "source"), tmp_path / "run"
    outcome, calls = PruningProblem.outcome, 0

    def scored(problem: PruningProblem, *given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:  # after the first policy, which competed with those of two rules
            raise KeyboardInterrupt
        return outcome(problem, *given)

    with monkeypatch.context() as patch:
        patch.setattr(PruningProblem, "outcome", scored)
        assert call(apply, source, "--budget", "macs=0.4", "--episodes", "2", "--run-dir", folder).status == 130
    shutil.rmtree(source)
    succeed(apply, "--resume", folder, "--quiet")
    assert summary(folder)["episodes"] == 3
    assert f"{100 * summary(folder)['test_accuracy_policy']:.2f} %" in succeed(evaluate, folder).out
    again = tmp_path / "again"
    succeed(apply, folder, "--budget", "macs=0.45", "--run-dir", again, "--quiet")
    assert {name: arguments(again)[name] for name in TAKEN} == TAKEN


@pytest.mark.usefixtures("own_file")
def test_a_users_functions_are_asked_for_by_the_whole_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    succeed(train, *OWN, "--round-to", "1", "--episodes", "2", "--budget", "macs=0.6", "--run-dir", "run", "--quiet")
    Path("own.py").write_text(f"open('imported', 'w')\n{Path('own.py').read_text()}")
    message = fail(apply, "run", "--budget", "macs=0.35", "--run-dir", "smaller", "--quiet")
    own = Path("own.py").resolve()
    given = ["run", "--budget", "macs=0.35", "--run-dir", "smaller", "--quiet"]
    assert command(message, "apply") == [*given, "--model", f"{own}:build", "--data", f"{own}:data"]
    assert not Path("imported").exists()
    assert not Path("smaller").exists()
    succeed(apply, *command(message, "apply"))
    assert summary(Path("smaller"))["arguments"]["round_to"] == "1"
    assert "--model" in fail(evaluate, "smaller")


@pytest.mark.usefixtures("own_file")
def test_another_network_has_its_own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    more = "\n\ndef wider():\n    return nn.Sequential(nn.Conv2d(1, 16, 3), *list(build().children())[1:])\n"
    Path("own.py").write_text(Path("own.py").read_text() + more)
    words = ("--weights", "none", "--round-to", "1", "--episodes", "2", "--budget", "macs=0.6", "--quiet")
    succeed(train, *OWN, *words, "--run-dir", "run")
    data = ("--data", "own.py:data")
    succeed(apply, "run", *data, "--model", "own.py:wider", "--run-dir", "other", "--quiet")
    assert arguments(Path("other"))["weights"] == "default"
    succeed(apply, "run", *data, "--model", "./own.py:build", "--run-dir", "same", "--quiet")
    assert arguments(Path("same"))["weights"] == "none"


def test_a_run_without_an_agent_is_answered_with_the_search_to_do(uniform: Path, tmp_path: Path) -> None:
    message = fail(apply, uniform, "--budget", "macs=0.35", "--run-dir", tmp_path / "run", "--quiet")
    assert f"{uniform} has no agent.zip; its policies were found without one; search with: " in message
    assert not (tmp_path / "run").exists()
    succeed(train, *command(message, "train"))
    taken = arguments(tmp_path / "run")
    assert taken["budget"] == ["macs=0.35"]
    assert (taken["seed"], taken["reward_split"], taken["strategy"]) == (3, 60, "uniform")


def test_a_policy_that_was_applied_has_no_agent(uniform: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    succeed(apply, *FEW, "--policy", uniform / "policy.json", "--run-dir", folder, "--quiet")
    words = command(fail(apply, folder, "--budget", "macs=0.35"), "train")
    assert words[words.index("--budget") + 1] == "macs=0.35"
    assert "--episodes" not in words
    assert "--policy" not in words


def test_a_search_that_has_not_ended_is_to_be_ended(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run / "checkpoint", folder / "checkpoint")
    message = fail(apply, folder, "--budget", "macs=0.35")
    assert "its search has not ended" in message
    assert command(message, "train") == ["--resume", str(folder)]


@pytest.mark.backward
def test_a_tuned_network_points_to_its_run(uniform: Path, tmp_path: Path) -> None:
    tuned = tmp_path / "tuned"
    succeed(finetune, uniform, "--epochs", "1", "--out", tuned, "--quiet")
    assert f"has no agent; give {uniform}, its run" in fail(apply, tuned, "--budget", "macs=0.35")


def test_mistakes_are_told_in_one_line(run: Path, tmp_path: Path) -> None:
    assert "expected RUN, --agent agent.zip or --policy" in fail(apply, run, "--agent", run / "agent.zip")
    assert "no summary.json in" in fail(apply, tmp_path)
    assert "leave RUN out" in fail(apply, run, "--resume", run)
    copied = shutil.copytree(run, tmp_path / "copied")
    content = json.loads((copied / "summary.json").read_text())
    for change, told in (
        ({"seed": "many"}, "recorded are damaged"),
        ({"freeze": 3}, "recorded are damaged"),
        ({"model": "Net", "data": ""}, "the network of this run came from Python"),
        ({"data": ""}, "the images of this run came from Python"),
    ):
        (copied / "summary.json").write_text(
            json.dumps(content | {"arguments": content["arguments"] | change}),
        )
        assert told in fail(apply, copied)
