"""What can't be printed does not end a command, and paths that files can't hold are refused before it begins."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from amc.utils.errors import UserError
from scripts.command.cli import parse
from tests.scripts.command.test_cli import Arguments

PROGRAM = """
from pathlib import Path
from scripts.command.cli import run
from tests.scripts.command.test_cli import Arguments

def work(arguments):
    for _ in range(9999):
        print("\\N{SNOWMAN}", flush=True)
    Path("done").touch()

run(work, Arguments, ["--count", "3"])
"""


def run_program(folder: Path, redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[3])
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -c '{PROGRAM}' {redirection}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirection", "status", "told"),
    [
        ("| head -1", 0, ""),
        (">&-", 0, ""),
        ("2>/dev/full", 0, ""),
        (">/dev/full", 2, "error: standard output could not be written: No space left on device; print to another pl"),
    ],
)
def test_work_goes_on_where_nothing_can_be_printed(tmp_path: Path, redirection: str, status: int, told: str) -> None:
    ended = run_program(tmp_path, redirection)
    assert (tmp_path / "done").exists()
    assert (ended.returncode, ended.stderr[: len(told) or None]) == (status, told)


def test_characters_that_an_encoding_lacks_are_replaced(tmp_path: Path) -> None:
    ended = run_program(tmp_path, "", PYTHONIOENCODING="ascii")
    assert (ended.returncode, set(ended.stdout.split())) == (0, {"?"})


def test_paths_that_are_no_text_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^run. has bytes that are no UTF-8 text.*rename the file or folder"):
        parse(Arguments, ["--count", "3", "--kind", os.fsdecode(b"run\xff")])
    folder = tmp_path / "left"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(UserError, match="is gone; go to another one"):
        parse(Arguments, ["--count", "3"])
    os.chdir(tmp_path)
