"""Snapshots where there is no room."""

import errno
import os
from pathlib import Path

import pytest

from amc.artifacts.snapshots import save_snapshot


def test_on_a_full_disk_the_older_one_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for done in (1, 2):
        save_snapshot(tmp_path, "step", done, {}, {})
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if len(list((tmp_path / "checkpoint").glob("step-*"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("os.replace", full)
    save_snapshot(tmp_path, "step", 3, {}, {})
    assert sorted(path.name[:11] for path in (tmp_path / "checkpoint").iterdir()) == ["step-000002", "step-000003"]
