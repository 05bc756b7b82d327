from pathlib import Path

import pytest

import amc
from amc.utils.user_file import call_function
from scripts import evaluate, export
from tests.command import fail, succeed


@pytest.fixture
def folder(own_file: Path, tmp_path: Path) -> Path:
    """The folder of a search on a network and images that were given in Python as objects."""
    model, data = (call_function(f"{own_file}:{name}") for name in ("build", "data"))
    result = amc.search(model, data, "macs=0.5", episodes=2, strategy="random", recovery="none", search_recovery="none")
    result.save(tmp_path / "run")
    return tmp_path / "run"


def test_commands_go_on_with_a_run_from_python_once_they_know_network_and_images(folder: Path, own_file: Path) -> None:
    run, model, data = ("--run-dir", folder), ("--model", f"{own_file}:build"), ("--data", f"{own_file}:data")
    asked = "the network of this run came from Python, Sequential, and no name finds it; give --model path/to/file.py"
    assert asked in fail(evaluate, *run)
    assert asked in fail(export, *run)
    assert "the images of this run came from Python, and no name finds them; give --data" in fail(
        evaluate, *run, *model
    )
    assert "time per image" in succeed(evaluate, *run, *model, *data).out
