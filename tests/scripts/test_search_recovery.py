"""The recovery of what a search scores, as a command decides it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from amc.task import Task
from scripts import train
from tests.command import call, succeed, summary
from tests.scripts.interrupting import InterruptingSearch
from tests.small_network import SMALL

FEW = ("--calibration-images", "100", "--reward-split", "200", "--test-images", "60", "--recovery", "none")


def test_it_is_said_and_recorded(tmp_path: Path) -> None:
    """At so tight a budget the slower form is far better."""
    asked = ("--budget", "params=0.07", "--strategy", "uniform", "--run-dir", tmp_path / "run")
    said = succeed(train, *FEW, *asked).err
    assert "recovery of the networks that the search scores: asymmetric\n" in said
    assert summary(tmp_path / "run")["arguments"]["search_recovery"] == "asymmetric"


def test_it_is_decided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that goes on finds it in the checkpoint, also in those of versions that had another default."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Task, "choose_recovery", lambda *_: SimpleNamespace(for_many="closed_form"))
        InterruptingSearch(patch, 3, RuntimeError("out of memory"))
        with pytest.raises(RuntimeError, match="out of memory"):
            call(train, *SMALL, *FEW, "--strategy", "random", "--episodes", "3", "--run-dir", folder, "--quiet")
    monkeypatch.setattr(Task, "choose_recovery", None)
    succeed(train, "--resume", folder, "--quiet")
    assert summary(folder)["arguments"]["search_recovery"] == "closed_form"
