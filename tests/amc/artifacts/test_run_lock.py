"""Two processes and one run folder."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from amc.artifacts.run_lock import locked
from amc.utils.errors import UserError
from tests.scripts.interrupting import HOLDER


def test_the_second_is_told_who_the_first_is_until_that_is_killed(tmp_path: Path) -> None:
    folder, lock = tmp_path / "run", tmp_path / "run" / "checkpoint" / "lock"
    with locked(folder):
        said = lock.read_text()
    lock.parent.mkdir(parents=True)
    lock.write_text(said)
    with subprocess.Popen([sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with (
            pytest.raises(UserError, match=rf"run is in use by process \d+ on {platform.node()}; wait"),
            locked(folder),
        ):
            pytest.fail("it was let in")
        other.kill()
    with locked(folder):
        assert lock.exists()


def test_what_was_made_for_it_alone_is_removed(tmp_path: Path) -> None:
    with locked(tmp_path / "deep" / "run"):
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty").mkdir()
    with locked(tmp_path / "empty"):
        (tmp_path / "empty" / "policy.json").touch()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["policy.json"]


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.lockf", unsupported)
    with locked(tmp_path):
        pass
