"""Snapshots where there is no room, and where they are read while a run writes more."""

import errno
import itertools
import os
from pathlib import Path

import pytest

from amc.artifacts import snapshots
from amc.artifacts.snapshots import latest_description, save_snapshot


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


def test_a_run_is_described_while_it_replaces_the_snapshots_that_were_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_snapshot(tmp_path, "step", 0, {"done": 0}, {})
    listed = snapshots.snapshot_names
    later = iter(range(1, 5))

    def overtaken(folder: Path) -> frozenset[str]:
        names = listed(folder)
        for done in itertools.islice(later, 2):
            save_snapshot(folder, "step", done, {"done": done}, {})
        return names

    monkeypatch.setattr(snapshots, "snapshot_names", overtaken)
    assert latest_description(tmp_path) == {"done": 4}


def test_a_damaged_snapshot_alone_describes_nothing(tmp_path: Path) -> None:
    save_snapshot(tmp_path, "step", 0, {}, {}).write_bytes(b"")
    assert latest_description(tmp_path) == {}
