"""A row of the coverage table, and what a network that fails looks like in it."""

import json
from pathlib import Path

import pytest

from benchmarks import coverage
from benchmarks.coverage_networks import names
from benchmarks.coverage_page import document
from benchmarks.coverage_row import row


def test_a_row_of_a_network_that_is_right() -> None:
    found = row("own:plain")
    assert found["failure"] == ""
    assert found["groups"] == 2
    assert found["max_relative_error"] < 1e-8
    assert 0 < found["least_macs_share"] < 0.5
    assert found["frozen"] == "output of the network (5)"
    assert "| own:plain | 2 | 0.0 M |" in document([found], 1)


def test_a_network_that_crashes_or_hangs_is_a_row_and_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "names", lambda: ["own:nothing", "own:plain"])
    out, table = tmp_path / "rows.json", tmp_path / "table.md"
    coverage.coverage(coverage.Arguments(only=("*:nothing",), out=out, table=table))
    (failed,) = json.loads(out.read_text(encoding="utf-8"))
    assert failed["failure"] == "KeyError: 'nothing'"
    coverage.coverage(coverage.Arguments(only=("own:*",), out=out, table=table, limit=0))
    rows = json.loads(out.read_text(encoding="utf-8"))
    assert [each["failure"] for each in rows] == ["KeyError: 'nothing'", "not done after 0 s"]
    assert "2 of 2 networks, 2 failures" in table.read_text(encoding="utf-8")


def test_all_classifiers_of_torchvision_and_enough_of_timm_are_in_it() -> None:
    kinds = [name.partition(":")[0] for name in names()]
    assert len(set(names())) == len(names())
    assert kinds.count("torchvision") == 80
    assert kinds.count("timm") >= 35
