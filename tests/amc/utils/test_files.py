import errno
import json
from pathlib import Path

import pytest

from amc.utils.errors import UserError
from amc.utils.files import make_folder, write_atomically, write_json, write_text


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_writes_into_a_new_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "note.txt", "grüß\n")
    assert (tmp_path / "a" / "b" / "note.txt").read_bytes() == "grüß\n".encode()


def test_the_former_file_is_there_until_the_new_one_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "note.txt"
    target.write_text("old")

    def write(temporary: Path) -> None:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert target.read_text() == "old"

    write_atomically(target, write)
    assert contents(tmp_path) == {"note.txt": "new"}


def test_a_failure_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "note.txt"
    target.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, write)
    assert contents(tmp_path) == {"note.txt": "old"}


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*file.b: Not a directory; .* choose a folder"):
        make_folder(tmp_path / "file" / "b")


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        temporary.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=r"cannot write .*note.txt: No space left on device; free space"):
        write_atomically(tmp_path / "note.txt", write)
    assert contents(tmp_path) == {}


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=r"cannot write .*choose a folder"):
        write_text(tmp_path / "file" / "note.txt", "text")


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        write_text(tmp_path / "runs", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_json_is_readable_and_strict(tmp_path: Path) -> None:
    content = {"keep": [1, 2], "ratio": 0.5, "name": "ä"}
    write_json(tmp_path / "policy.json", content)
    assert json.loads((tmp_path / "policy.json").read_text()) == content
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "policy.json", {"ratio": float("nan")})
    assert json.loads((tmp_path / "policy.json").read_text()) == content
