"""Two processes and one run folder, or one process twice."""

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


def test_one_process_holds_it_once_and_keeps_it_when_it_asks_again(tmp_path: Path) -> None:
    ask = (
        "import sys, fcntl\ntry:\n    fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError:\n    sys.exit(3)"
    )
    with locked(tmp_path):
        with pytest.raises(UserError, match="is in use by this very process; wait"), locked(tmp_path / "." / ""):
            pytest.fail("it was let in")
        lock = tmp_path / "checkpoint" / "lock"
        assert subprocess.run([sys.executable, "-c", ask, lock], check=False).returncode == 3
    with locked(tmp_path):
        pass


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
