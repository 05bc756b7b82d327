import os
import re
from pathlib import Path
from typing import Any

import pytest

from amc.artifacts.run_folder import beside, check_free, check_new, named_after, recorded_weights
from amc.artifacts.snapshots import save_snapshot
from amc.utils.errors import UserError


def test_a_folder_is_named_after_network_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for model, name in (
        ("resnet20", "resnet20"),
        ("torchvision:mobilenet_v2", "mobilenet_v2"),
        ("some/where/net.py:build", "build"),
    ):
        folder = named_after(model)
        assert folder.parent == Path("runs")
        assert re.fullmatch(rf"{name}-\d{{8}}-\d{{6}}", folder.name)
    assert list(tmp_path.iterdir()) == []


def test_a_new_or_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "new", tmp_path / "deep" / "er" / "new"):
        check_new(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_folder_can_have_is_one_line(name: str) -> None:
    with pytest.raises(UserError, match="no folder can have the name that --run-dir gives: ") as caught:
        check_new(Path(name))
    assert "\n" not in str(caught.value)


def test_what_is_no_path_is_told() -> None:
    wrong: Any = 3
    with pytest.raises(UserError, match="expected folder as a path, got 3"):
        check_free(wrong)


def test_a_folder_with_anything_in_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "note.txt").touch()
    with pytest.raises(UserError, match=r"is not empty; give a new folder as --run-dir, or remove it"):
        check_new(tmp_path)
    save_snapshot(tmp_path, "step", 1, {}, {})
    with pytest.raises(UserError, match=r"give a new folder as --run-dir, go on with the run in it by --resume, or"):
        check_new(tmp_path)
    (tmp_path / "summary.json").write_text('{"interrupted": false}')
    with pytest.raises(UserError, match=r"give a new folder as --run-dir, or remove it"):
        check_new(tmp_path)


def test_a_run_from_python_is_not_gone_on_with(tmp_path: Path) -> None:
    save_snapshot(tmp_path, "step", 1, {"program": "python"}, {})
    with pytest.raises(UserError, match=r"give a new folder as --run-dir, or remove it"):
        check_new(tmp_path)
    save_snapshot(tmp_path, "step", 2, {"program": "train"}, {})
    with pytest.raises(UserError, match=r"is not empty; give another folder, or remove it"):
        check_free(tmp_path)


def test_what_a_killed_process_had_locked_is_free(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "lock").write_text("process 1 on elsewhere")
    check_new(tmp_path)


def test_two_runs_that_begin_in_one_second_have_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = named_after("resnet20")
    first.mkdir(parents=True)
    assert named_after("resnet20") != first


@pytest.mark.parametrize("given", [".", "front/..", "front/../../run", "../run", "{tmp}/runs/run"])
def test_a_folder_beside_that_of_a_run_is_not_within_it(
    tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    (runs / "run" / "front").mkdir(parents=True)
    monkeypatch.chdir(runs / "run")
    assert beside(Path(given.format(tmp=tmp_path)), "-tuned").resolve() == runs / "run-tuned"


def test_a_folder_beside_that_of_a_run_is_named_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert beside(Path("runs/run"), "-tuned") == Path("runs/run-tuned")


@pytest.mark.parametrize(("recorded", "weights"), [('"none"', "none"), ("null", ""), ('""', "")])
def test_weights_that_a_run_does_not_name_are_none(tmp_path: Path, recorded: str, weights: str) -> None:
    (tmp_path / "summary.json").write_text(f'{{"arguments": {{"weights": {recorded}}}}}')
    assert recorded_weights(tmp_path) == weights


@pytest.mark.parametrize("below", ["", "run", "deep/run"])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"expected a folder for --run-dir, .*file is a file"):
        check_new(tmp_path / "file" / below)


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: not Path(path).samefile(tmp_path))
    with pytest.raises(UserError, match=r"can't be written to; give another --out"):
        check_new(tmp_path / "run", "--out")
