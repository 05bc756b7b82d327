"""`train --with`: an agent that learns from earlier runs as well."""

import shutil
from pathlib import Path

import pytest
import safetensors.torch

from agents.checkpoint import latest_checkpoint
from agents.ddpg.lessons import read_lesson
from scripts import apply, train
from tests.command import call, fail, succeed, summary
from tests.scripts.interrupting import InterruptingSearch
from tests.small_network import SMALL

FAST = ("--recovery", "none", "--search-recovery", "none")
FEW = (*SMALL, "--calibration-images", "100", "--reward-split", "60", "--test-images", "60", *FAST)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two earlier searches at other budgets."""
    first, second = (tmp_path_factory.mktemp("runs") / name for name in ("first", "second"))
    succeed(train, *FEW, "--episodes", "5", "--budget", "params=0.3", "--run-dir", first, "--quiet")
    succeed(train, *FEW, "--episodes", "4", "--only", "stages*", "--run-dir", second, "--quiet")
    return first, second


def test_a_lesson_is_all_that_an_agent_scored(runs: tuple[Path, Path]) -> None:
    episodes = latest_checkpoint(runs[0])[0].past.episodes
    steps = read_lesson(runs[0]).steps
    groups = len(episodes[0].kept_counts)
    assert len(steps.rewards) == 5 * groups
    assert steps.rewards[::groups, 0].tolist() == pytest.approx([episode.reward for episode in episodes])


@pytest.mark.backward
def test_it_goes_on_without_the_runs_and_its_agent_decides_for_others(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*FEW, "--episodes", "12", "--quiet")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    succeed(train, *words, "--with", *runs, "--run-dir", whole)
    copies = [shutil.copytree(run, tmp_path / run.name) for run in runs]
    with monkeypatch.context() as patch:
        InterruptingSearch(patch, 10, RuntimeError("out of memory"))
        with pytest.raises(RuntimeError, match="out of memory"):
            call(train, *words, "--with", copies[0], "--with", copies[1], "--run-dir", stopped)
    for copy in copies:
        shutil.rmtree(copy)
    succeed(train, "--resume", stopped, "--quiet")
    one, other = (latest_checkpoint(run)[0].past for run in (whole, stopped))
    assert all(bool((one.state[name] == other.state[name]).all()) for name in one.state)
    assert [each.kept_counts.tolist() for each in one.episodes] == [
        each.kept_counts.tolist() for each in other.episodes
    ]
    alone = tmp_path / "alone"
    succeed(train, *words, "--run-dir", alone)
    learned = latest_checkpoint(alone)[0].past.state
    assert any(bool((one.state[name] != learned[name]).any()) for name in learned if name.startswith("policy.actor"))
    succeed(apply, *FEW, "--agent", whole / "agent.zip", "--budget", "macs=0.5", "--run-dir", tmp_path / "applied")
    assert summary(whole)["arguments"]["with_"] == [[str(run) for run in runs]]


def test_mistakes_are_one_line(runs: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = runs
    without_agent = tmp_path / "without-agent"
    succeed(train, *FEW, "--strategy", "uniform", "--run-dir", without_agent, "--quiet")
    assert "has no agent.zip" in fail(train, *FEW, "--with", without_agent, "--run-dir", tmp_path / "a")
    assert "has no agent.zip" in fail(train, *FEW, "--with", tmp_path / "nowhere", "--run-dir", tmp_path / "a")
    asked = ("--with", first, "--strategy", "random", "--run-dir", tmp_path / "a")
    assert "leave --with out" in fail(train, *FEW, *asked)
    other = ("--with", first, "--observation", "paper", "--run-dir", tmp_path / "a")
    assert "needs other features" in fail(train, *FEW, *other, "--quiet")
    damaged = shutil.copytree(second, tmp_path / "damaged")
    for path in (damaged / "checkpoint").glob("episode-*"):
        with safetensors.safe_open(path, "pt") as file:
            described = file.metadata()
        tensors = safetensors.torch.load_file(path)
        name = "state.replay.rewards"
        tensors |= {name: tensors[name][:-1]} if name in tensors else {}  # the first checkpoint knows nothing
        path.write_bytes(safetensors.torch.save(tensors, described))
    assert "damaged" in fail(train, *FEW, "--with", damaged, "--run-dir", tmp_path / "a")
